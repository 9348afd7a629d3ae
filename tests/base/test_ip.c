/* SPDX-License-Identifier: MIT */
#include "base/ip.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"

enum {
	BUFFER = 128
};

struct length_case {
	uint8_t version;
	uint16_t field;   /* total length of IPv4, payload length of IPv6 */
	size_t len, want; /* bytes there, bytes of the packet */
};

/* A packet of @version whose length field says @field. */
static void make(uint8_t packet[static BUFFER], uint8_t version, uint16_t field)
{
	memset(packet, 0xa5, BUFFER);
	packet[0] = (uint8_t)(version << 4 | (version == 4 ? 5 : 0));
	store_be16(packet + (version == 4 ? 2 : 4), field);
}

ParameterizedTestParameters(ip, length_is_what_the_header_claims)
{
	static struct length_case cases[] = {
		{4, 20, 20, 20},                      /* a header alone */
		{4, 60, 100, 60},                     /* padding behind it */
		{4, 100, 100, 100}, {4, 101, 100, 0}, /* not all of it is there */
		{4, 19, 100, 0},                      /* less than its own header */
		{4, 0, 100, 0},     {4, 20, 19, 0},   /* no whole header */
		{4, 65535, 100, 0}, {6, 0, 40, 40},   {6, 0, 100, 40},
		{6, 60, 100, 100},  {6, 61, 100, 0},  {6, 0, 39, 0},
		{6, 65535, 100, 0}, {5, 60, 100, 0},                /* no version of IP */
		{0, 60, 100, 0},    {15, 60, 100, 0}, {4, 0, 0, 0}, /* nothing at all */
		{6, 0, 1, 0},
	};

	return cr_make_param_array(struct length_case, cases, sizeof cases / sizeof *cases);
}

ParameterizedTest(struct length_case *c, ip, length_is_what_the_header_claims)
{
	uint8_t packet[BUFFER];

	make(packet, c->version, c->field);
	cr_expect(eq(sz, ip_packet_len(packet, c->len), c->want), "version %u, field %u, %zu bytes",
	          c->version, c->field, c->len);
}

Test(ip, length_and_checksum_are_set_and_nothing_else)
{
	for (size_t header_len = 20; header_len <= 60; header_len += 4) {
		uint8_t packet[BUFFER], before[BUFFER];

		make(packet, 4, 1);
		packet[0] = (uint8_t)(0x40 | header_len / 4);
		memcpy(before, packet, sizeof before);
		ip_set_len(packet, 100, header_len);
		cr_expect(eq(u16, load_be16(packet + 2), 100));
		cr_expect(eq(u16, checksum_fold(checksum_add(0, packet, header_len)), 0xffff));
		memcpy(before + 2, packet + 2, 2);
		memcpy(before + 10, packet + 10, 2);
		cr_expect(eq(int, memcmp(packet, before, sizeof before), 0));
	}
}

Test(ip, payload_length_of_ipv6_is_set_and_nothing_else)
{
	uint8_t packet[BUFFER], before[BUFFER];

	make(packet, 6, 1);
	memcpy(before, packet, sizeof before);
	store_be16(before + 4, 60);
	ip_set_len(packet, 100, 40);
	cr_expect(eq(int, memcmp(packet, before, sizeof before), 0));
	cr_expect(eq(sz, ip_packet_len(packet, 100), 100));
}

Test(ip, what_stays_on_a_link_is_told_from_what_goes_further)
{
	static const struct {
		const char *address;
		bool want;
	} cases[] = {
		{"223.255.255.255", false}, {"224.0.0.0", true},  {"224.0.0.255", true},
		{"224.0.1.0", false},       {"239.1.2.3", false}, {"255.255.255.255", true},
		{"255.255.255.254", false}, {"10.0.0.1", false},  {"fe7f:ffff::1", false},
		{"fe80::1", true},          {"febf::1", true},    {"fec0::1", false},
		{"ff00::1", false},         {"ff01::1", true},    {"ff02::16", true},
		{"ff12::1", true},          {"ff05::2", false},   {"ff0e::1", false},
		{"fd02::1", false},
	};
	uint8_t packet[BUFFER];

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool is_v6 = strchr(cases[i].address, ':');

		make(packet, is_v6 ? 6 : 4, 60);
		cr_assert(eq(int,
		             inet_pton(is_v6 ? AF_INET6 : AF_INET, cases[i].address,
		                       packet + (is_v6 ? 24 : 16)),
		             1));
		cr_expect(eq(int, ip_stays_on_link(packet), cases[i].want), "%s", cases[i].address);
	}
}
