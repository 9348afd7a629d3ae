/* SPDX-License-Identifier: MIT */
#include "dataplane/too_big.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/ip.h"
#include "ip_rig.h"

#define MTU   1344u
#define LONG  1420u
#define ICMP6 58

static uint8_t packet[2048], answer[TOO_BIG_LEN_MAX + 1];

/* A UDP packet of LONG bytes. */
static size_t make(bool is_v6)
{
	struct ip_spec spec = usual_spec(is_v6, UDP);
	static uint8_t payload[2048];

	seed_random(7);
	fill_random(payload, sizeof payload);
	return build(packet, &spec, payload, LONG - headers_len_of(&spec));
}

static size_t answer_to(size_t len, size_t packet_len)
{
	memset(answer, 0xee, sizeof answer);
	return too_big_answer(packet, len, packet_len, MTU, answer);
}

Test(too_big, ipv4_is_told_what_would_pass)
{
	size_t len = make(false), got;
	uint8_t expected[2048];

	cr_assert(eq(sz, len, LONG));
	got = answer_to(len, len);
	cr_assert(eq(sz, got, 576));
	cr_expect(eq(sz, ip_packet_len(answer, got), got));
	cr_expect(eq(u32, slow_sum(0, answer, 20), 0xffff), "header checksum");
	cr_expect(eq(u32, slow_sum(0, answer + 20, got - 20), 0xffff), "ICMP checksum");
	cr_expect(eq(u8, answer[9], ICMP));
	cr_expect(eq(u8, answer[20], 3));
	cr_expect(eq(u8, answer[21], 4));
	cr_expect(eq(u32, load_be16(answer + 24), 0), "unused");
	cr_expect(eq(u32, load_be16(answer + 26), MTU));
	cr_expect(eq(int, memcmp(answer + 12, packet + 16, 4), 0), "from where it was sent to");
	cr_expect(eq(int, memcmp(answer + 16, packet + 12, 4), 0));
	memcpy(expected, packet, got - 28);
	cr_expect(eq(int, memcmp(answer + 28, expected, got - 28), 0), "the packet's beginning");
	cr_expect(eq(u8, answer[got], 0xee));
}

Test(too_big, ipv6_is_told_what_would_pass)
{
	size_t len = make(true), got = answer_to(len, len);
	uint16_t sum;

	cr_assert(eq(sz, got, 1280));
	cr_expect(eq(sz, ip_packet_len(answer, got), got));
	sum = slow_sum(slow_pseudo(answer, ICMP6, got - 40), answer + 40, got - 40);
	cr_expect(eq(u32, sum, 0xffff));
	cr_expect(eq(u8, answer[6], ICMP6));
	cr_expect(eq(u8, answer[40], 2));
	cr_expect(eq(u8, answer[41], 0));
	cr_expect(eq(u32, load_be32(answer + 44), MTU));
	cr_expect(eq(int, memcmp(answer + 8, packet + 24, 16), 0));
	cr_expect(eq(int, memcmp(answer + 24, packet + 8, 16), 0));
	cr_expect(eq(int, memcmp(answer + 48, packet, got - 48), 0));
	cr_expect(eq(u8, answer[got], 0xee));
}

/* What is quoted is the packet that would have been sent, not all of the super-packet. */
Test(too_big, a_super_packet_is_quoted_as_one_of_its_segments)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t len = make(v6), got = answer_to(len, 1400), head = v6 ? 48 : 28;

		cr_assert(ne(sz, got, 0));
		cr_expect(eq(sz, ip_packet_len(answer + head, 1400), 1400));
		if (!v6)
			cr_expect(eq(u32, slow_sum(0, answer + head, 20), 0xffff));
	}
}

Test(too_big, a_short_beginning_is_quoted_as_far_as_it_is_there)
{
	make(false);
	cr_expect(eq(sz, answer_to(33, LONG), 28 + 33));
	cr_expect(eq(u32, slow_sum(0, answer + 20, 8 + 33), 0xffff), "an odd number of bytes");
	make(true);
	cr_expect(eq(sz, answer_to(51, LONG), 48 + 51));
}

static void expect_silence(bool is_v6, size_t at, const char *bytes, size_t len)
{
	size_t packet_len = make(is_v6);

	memcpy(packet + at, bytes, len);
	cr_expect(eq(sz, answer_to(packet_len, packet_len), 0), "byte %zu of IPv%d", at,
	          is_v6 ? 6 : 4);
}

Test(too_big, nobody_and_many_are_not_answered)
{
	expect_silence(false, 12, "\0\0\0\0", 4);
	expect_silence(false, 12, "\x7f\0\0\1", 4);
	expect_silence(false, 12, "\xe0\0\0\1", 4);
	expect_silence(false, 16, "\xef\1\2\3", 4);
	expect_silence(false, 16, "\xff\xff\xff\xff", 4);
	expect_silence(true, 8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	expect_silence(true, 8, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	expect_silence(true, 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

Test(too_big, a_fragment_is_answered_if_it_is_the_first)
{
	expect_silence(false, 6, "\x20\x10", 2);
	make(false);
	packet[6] = 0x20;
	packet[7] = 0;
	cr_expect(ne(sz, answer_to(LONG, LONG), 0));
}

Test(too_big, errors_are_not_answered_and_questions_are)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4, 127};

	for (unsigned i = 0; i < 5; i++) {
		make(false);
		packet[9] = ICMP;
		packet[20] = errors4[i];
		cr_expect(eq(sz, answer_to(LONG, LONG), 0));
		make(true);
		packet[6] = ICMP6;
		packet[40] = errors6[i];
		cr_expect(eq(sz, answer_to(LONG, LONG), 0));
	}
	make(false);
	packet[9] = ICMP;
	packet[20] = 8;
	cr_expect(ne(sz, answer_to(LONG, LONG), 0));
	make(true);
	packet[6] = ICMP6;
	packet[40] = 128;
	cr_expect(ne(sz, answer_to(LONG, LONG), 0));
}
