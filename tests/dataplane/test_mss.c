/* SPDX-License-Identifier: MIT */
#include "dataplane/mss.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "ip_rig.h"

#define MTU 1344u

static uint8_t packet[2048], before[2048];

/* A SYN with the options given, padded to a multiple of four. */
static size_t syn(bool is_v6, const char *options, size_t options_len)
{
	struct ip_spec spec = usual_spec(is_v6, TCP);
	size_t len;

	spec.flags = SYN;
	spec.options_len = (options_len + 3) / 4 * 4;
	memcpy(spec.options, options, options_len);
	len = build(packet, &spec, packet, 0);
	memcpy(before, packet, sizeof before);
	return len;
}

static void clamp(size_t len)
{
	cr_assert(mss_may_be_syn(packet, len));
	mss_clamp(packet, len, MTU, true);
}

static size_t tcp_at(bool is_v6)
{
	return is_v6 ? 40 : 20;
}

#define OPTIONS(text) text, sizeof text - 1

Test(mss, is_lowered_to_what_fits_and_the_checksum_stays_right)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t len = syn(v6, OPTIONS("\2\4\5\xb4\4\2\1\3\3\7")), at = tcp_at(v6) + 22;

		cr_assert(eq(u32, load_be16(packet + at), 1460));
		clamp(len);
		cr_expect(eq(u32, load_be16(packet + at), v6 ? MTU - 60 : MTU - 40));
		cr_expect(eq(ptr, (void *)fault_of(packet, len), NULL));
		store_be16(packet + at, 1460);
		memcpy(packet + tcp_at(v6) + 16, before + tcp_at(v6) + 16, 2);
		cr_expect(eq(int, memcmp(packet, before, len), 0), "nothing else is touched");
	}
}

/* Every value, at even and odd places: the checksum is mended, not made anew. */
Test(mss, checksums_stay_right_for_all_values)
{
	for (unsigned value = 0; value < 65536; value += 7) {
		for (unsigned odd = 0; odd < 2; odd++) {
			char options[] = "\1\2\4\0\0\1\1\1";
			size_t len;

			store_be16((uint8_t *)options + 3, (uint16_t)value);
			len = syn(value % 2, options + !odd, odd ? 8 : 4);
			clamp(len);
			cr_assert(eq(ptr, (void *)fault_of(packet, len), NULL), "MSS %u", value);
		}
	}
}

Test(mss, is_never_raised)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t len = syn(v6, OPTIONS("\2\4\2\x18"));

		clamp(len);
		cr_expect(eq(int, memcmp(packet, before, len), 0));
	}
}

/* It will be summed up when the packet is cut: only the pseudo header is in it. */
Test(mss, a_checksum_that_is_not_there_yet_is_left_alone)
{
	size_t len = syn(false, OPTIONS("\2\4\5\xb4"));

	mss_clamp(packet, len, MTU, false);
	cr_expect(eq(u32, load_be16(packet + 42), MTU - 40));
	cr_expect(eq(int, memcmp(packet + 36, before + 36, 2), 0));
}

static void expect_untouched(const char *what, size_t len)
{
	memcpy(before, packet, sizeof before);
	if (mss_may_be_syn(packet, len))
		mss_clamp(packet, len, MTU, true);
	cr_expect(eq(int, memcmp(packet, before, sizeof before), 0), "%s", what);
}

Test(mss, what_is_no_sound_syn_is_left_alone)
{
	expect_untouched("no options", syn(false, OPTIONS("")));
	expect_untouched("no MSS", syn(false, OPTIONS("\4\2\1\1")));
	expect_untouched("behind the end", syn(false, OPTIONS("\0\2\4\5\xb4\0\0\0")));
	expect_untouched("an option without an end", syn(false, OPTIONS("\3\x20\5\xb4")));
	expect_untouched("an option of no length", syn(false, OPTIONS("\3\0\2\4\5\xb4\0\0")));
	expect_untouched("an MSS of another length", syn(false, OPTIONS("\2\6\5\xb4\5\xb4\1\1")));
	expect_untouched("cut off", syn(false, OPTIONS("\2\4\5\xb4")) - 4);
	for (size_t len = 0; len < 64; len++) {
		syn(len % 2, OPTIONS("\2\4\5\xb4\4\2\1\1"));
		if (len < (len % 2 ? 68 : 48))
			expect_untouched("a part of it", len < 20 ? 0 : len);
	}
}

Test(mss, other_packets_are_left_alone)
{
	struct ip_spec spec = usual_spec(false, TCP);
	size_t len;

	spec.flags = ACK;
	spec.options_len = 4;
	memcpy(spec.options, "\2\4\5\xb4", 4);
	len = build(packet, &spec, packet, 0);
	expect_untouched("no SYN", len);
	len = syn(false, OPTIONS("\2\4\5\xb4"));
	packet[9] = UDP;
	expect_untouched("no TCP", len);
	len = syn(false, OPTIONS("\2\4\5\xb4"));
	packet[7] = 8;
	expect_untouched("a later fragment", len);
	len = syn(false, OPTIONS("\2\4\5\xb4"));
	packet[6] = 0x20;
	expect_untouched("a first fragment", len);
}
