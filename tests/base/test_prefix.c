/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/prefix.h"

Test(prefix, good_text_is_read_and_written_back)
{
	static const struct {
		const char *text, *back;
		int family;
		unsigned len;
	} table[] = {
		{"10.1.2.3/24", "10.1.2.3/24", AF_INET, 24}, /* host bits stay */
		{"0.0.0.0/0", "0.0.0.0/0", AF_INET, 0},
		{"255.255.255.255/32", "255.255.255.255/32", AF_INET, 32},
		{"192.0.2.1", "192.0.2.1/32", AF_INET, 32},
		{"::/0", "::/0", AF_INET6, 0},
		{"2001:db8::1", "2001:db8::1/128", AF_INET6, 128},
		{"fd00:0:0::0002/64", "fd00::2/64", AF_INET6, 64},
		{"::ffff:192.0.2.1/128", "::ffff:192.0.2.1/128", AF_INET6, 128},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128",
	         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", AF_INET6, 128},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct prefix p;
		char buf[PREFIX_TEXT_LEN];

		cr_assert(eq(int, prefix_parse(table[i].text, &p), 0), "%s", table[i].text);
		cr_expect(eq(int, p.family, table[i].family));
		cr_expect(eq(uint, p.len, table[i].len));
		cr_expect(eq(str, (char *)prefix_format(&p, buf), (char *)table[i].back));
	}
}

Test(prefix, bad_text_is_refused_and_leaves_the_result_alone)
{
	static const char *const table[] = {
		"",
		"/",
		"/24",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0/8",
		"10.0.0.0/+8",
		"10.0.0.0/-1",
		"10.0.0.0/ 8",
		" 10.0.0.0/8",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"10.0.0.0/0x8",
		"::/129",
		"::/1a",
		"fe80::1%lo/64",
		"example.org/24",
		"10.0.0.256/8",
		"1::2::3/64",
		"10.0.0.0/18446744073709551624", /* 8 modulo 2^64 */
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64",
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct prefix p = {.family = 77, .len = 7};

		cr_expect(eq(int, prefix_parse(table[i], &p), -EINVAL), "\"%s\"", table[i]);
		cr_expect(eq(int, p.family, 77));
		cr_expect(eq(int, p.len, 7));
	}
}

/* Bit by bit, against the masking of whole bytes. */
static void expect_masked(uint8_t family, unsigned bits)
{
	for (unsigned len = 0; len <= bits; len++) {
		struct prefix p = {.family = family, .len = (uint8_t)len};

		memset(p.addr, 0xff, bits / 8);
		prefix_mask(&p);
		for (unsigned bit = 0; bit < 128; bit++)
			cr_assert(eq(uint, p.addr[bit / 8] >> (7 - bit % 8) & 1u, bit < len),
			          "/%u bit %u", len, bit);
	}
}

Test(prefix, mask_clears_exactly_the_bits_behind_the_length)
{
	expect_masked(AF_INET, 32);
	expect_masked(AF_INET6, 128);
}

Test(prefix, equal_compares_family_length_and_all_bits)
{
	static const struct {
		const char *a, *b;
		int equal;
	} table[] = {
		{"10.0.0.0/8", "10.0.0.0/8", 1},   {"10.0.0.0/8", "10.0.0.0/9", 0},
		{"10.0.0.1/8", "10.0.0.0/8", 0},   {"0.0.0.0/0", "::/0", 0},
		{"fd00::1/64", "fd00:0::1/64", 1}, {"fd00::1/64", "fd00::2/64", 0},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct prefix a, b;

		cr_assert(eq(int, prefix_parse(table[i].a, &a), 0));
		cr_assert(eq(int, prefix_parse(table[i].b, &b), 0));
		cr_expect(eq(int, prefix_equal(&a, &b), table[i].equal), "%s %s", table[i].a,
		          table[i].b);
	}
}
