/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/rcu.h"
#include "dataplane/allowedips.h"

/* Peers are told apart by their address only. */
static char peers[2000];
#define A ((void *)&peers[0])
#define B ((void *)&peers[1])
#define C ((void *)&peers[2])
#define D ((void *)&peers[3])

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_word(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void seed_random(void)
{
	cr_assert(getrandom(&random_state, sizeof random_state, 0) == sizeof random_state);
	fprintf(stderr, "allowedips: seed %#llx\n", (unsigned long long)random_state);
}

static struct prefix prefix_of(int family, const char *text, uint8_t len)
{
	struct prefix p = {.family = family, .len = len};

	cr_assert(inet_pton(family, text, p.addr) == 1, "%s", text);
	return p;
}

static int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static struct allowedips_entry entry(const char *text, uint8_t len, void *peer)
{
	return (struct allowedips_entry){prefix_of(family_of(text), text, len), peer};
}

static void *lookup(const struct allowedips *t, int family, const uint8_t addr[static 16])
{
	return family == AF_INET ? allowedips_lookup4(t, addr) : allowedips_lookup6(t, addr);
}

static void *lookup_text(const struct allowedips *t, const char *text)
{
	struct prefix p = prefix_of(family_of(text), text, 0);

	return lookup(t, p.family, p.addr);
}

struct expectation {
	const char *addr;
	void *peer;
};

static void expect_all(const struct allowedips_entry *entries, size_t len,
                       const struct expectation *want, size_t want_len)
{
	struct allowedips *t = allowedips_build(entries, len);

	cr_assert(ne(ptr, t, NULL));
	for (size_t i = 0; i < want_len; i++)
		cr_expect(eq(ptr, lookup_text(t, want[i].addr), want[i].peer), "%s", want[i].addr);
	allowedips_destroy(t);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

Test(allowedips, empty_table_knows_nobody)
{
	const struct expectation want[] = {
		{"0.0.0.0", NULL},         {"10.1.2.3", NULL},
		{"255.255.255.255", NULL}, {"::", NULL},
		{"fd00::1", NULL},         {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	};

	expect_all(NULL, 0, want, COUNT(want));
}

Test(allowedips, default_route_covers_its_own_family_only)
{
	const struct allowedips_entry four[] = {entry("0.0.0.0", 0, A)};
	const struct expectation want4[] = {
		{"0.0.0.0", A}, {"127.255.255.255", A}, {"255.255.255.255", A}, {"::", NULL}};
	const struct allowedips_entry six[] = {entry("::", 0, B)};
	const struct expectation want6[] = {
		{"::", B}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", B}, {"0.0.0.0", NULL}};

	expect_all(four, 1, want4, COUNT(want4));
	expect_all(six, 1, want6, COUNT(want6));
}

Test(allowedips, host_routes_match_one_address_at_the_ends_and_between)
{
	const struct allowedips_entry entries[] = {
		entry("0.0.0.0", 32, A),
		entry("10.0.0.7", 32, B),
		entry("255.255.255.255", 32, C),
		entry("::", 128, A),
		entry("fd00::ffff:ffff:ffff:ffff", 128, B),
		entry("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, C),
	};
	const struct expectation want[] = {
		{"0.0.0.0", A},
		{"0.0.0.1", NULL},
		{"10.0.0.6", NULL},
		{"10.0.0.7", B},
		{"10.0.0.8", NULL},
		{"255.255.255.254", NULL},
		{"255.255.255.255", C},
		{"::", A},
		{"::1", NULL},
		{"fd00::ffff:ffff:ffff:fffe", NULL},
		{"fd00::ffff:ffff:ffff:ffff", B},
		{"fd00:0:0:1::", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C},
	};

	expect_all(entries, COUNT(entries), want, COUNT(want));
}

Test(allowedips, more_specific_prefix_wins_and_the_outer_one_goes_on_behind_it)
{
	const struct allowedips_entry entries[] = {
		entry("10.1.2.0", 24, C),     entry("10.0.0.0", 8, A),
		entry("10.1.0.0", 16, B),     entry("10.1.2.3", 32, D),
		entry("10.255.255.0", 24, D), entry("fd00::", 8, A),
		entry("fd00:0:0:1::", 64, B), entry("fd00::", 64, C),
	};
	const struct expectation want[] = {
		{"9.255.255.255", NULL},
		{"10.0.0.0", A},
		{"10.0.255.255", A},
		{"10.1.0.0", B},
		{"10.1.1.255", B},
		{"10.1.2.0", C},
		{"10.1.2.2", C},
		{"10.1.2.3", D},
		{"10.1.2.4", C},
		{"10.1.3.0", B},
		{"10.2.0.0", A},
		{"10.255.254.255", A},
		{"10.255.255.255", D},
		{"11.0.0.0", NULL},
		{"fcff::1", NULL},
		{"fd00::1", C},
		{"fd00:0:0:1::1", B},
		{"fd00:0:0:2::", A},
		{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", A},
		{"fe00::", NULL},
	};

	expect_all(entries, COUNT(entries), want, COUNT(want));
}

Test(allowedips, of_two_equal_prefixes_the_later_one_counts)
{
	const struct allowedips_entry entries[] = {
		entry("10.0.0.0", 8, A), entry("10.0.0.0", 16, C), entry("10.0.0.0", 8, B),
		entry("::", 0, A),       entry("::", 0, B),
	};
	const struct expectation want[] = {{"10.0.0.1", C},
	                                   {"10.1.0.0", B},
	                                   {"10.255.255.255", B},
	                                   {"11.0.0.0", NULL},
	                                   {"::1", B}};

	expect_all(entries, COUNT(entries), want, COUNT(want));
}

Test(allowedips, host_bits_of_a_prefix_do_not_matter)
{
	const struct allowedips_entry entries[] = {entry("10.1.2.3", 8, A),
	                                           entry("fd00::1:2", 64, B)};
	const struct expectation want[] = {
		{"10.0.0.0", A}, {"10.255.255.255", A}, {"fd00::", B}, {"fd00:0:0:1::", NULL}};

	expect_all(entries, COUNT(entries), want, COUNT(want));
}

Test(allowedips, null_peer_leaves_a_hole)
{
	const struct allowedips_entry entries[] = {entry("0.0.0.0", 0, A),
	                                           entry("10.0.0.0", 8, NULL)};
	const struct expectation want[] = {{"9.255.255.255", A},
	                                   {"10.0.0.0", NULL},
	                                   {"10.255.255.255", NULL},
	                                   {"11.0.0.0", A}};

	expect_all(entries, COUNT(entries), want, COUNT(want));
}

Test(allowedips, nested_prefixes_of_every_length_all_match)
{
	struct allowedips_entry entries[129];
	uint8_t addr[16] = {0};

	for (unsigned len = 0; len <= 128; len++)
		entries[128 - len] =
			(struct allowedips_entry){{.family = AF_INET6, .len = len}, &peers[len]};

	struct allowedips *t = allowedips_build(entries, 129);

	cr_assert(ne(ptr, t, NULL));
	cr_expect(eq(ptr, allowedips_lookup6(t, addr), &peers[128]));
	for (unsigned len = 0; len < 128; len++) {
		/* The first bit that differs is the one behind @len bits. */
		memset(addr, 0, sizeof addr);
		addr[len / 8] = 0x80 >> len % 8;
		cr_expect(eq(ptr, allowedips_lookup6(t, addr), &peers[len]), "/%u", len);
	}
	allowedips_destroy(t);
}

Test(allowedips, packet_helpers_read_the_header_of_either_family)
{
	const struct allowedips_entry entries[] = {
		entry("10.0.0.1", 32, A), entry("10.0.0.2", 32, B), entry("fd00::1", 128, C),
		entry("fd00::2", 128, D)};
	struct allowedips *t = allowedips_build(entries, COUNT(entries));
	uint8_t v4[20] = {0x45, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
	uint8_t v6[40] = {0x60, [8] = 0xfd, [23] = 1, [24] = 0xfd, [39] = 2};
	const uint8_t frame[40] = {0xb1};

	cr_assert(ne(ptr, t, NULL));
	cr_expect(eq(ptr, allowedips_lookup_src(t, v4), A));
	cr_expect(eq(ptr, allowedips_lookup_dst(t, v4), B));
	cr_expect(eq(ptr, allowedips_lookup_src(t, v6), C));
	cr_expect(eq(ptr, allowedips_lookup_dst(t, v6), D));
	cr_expect(eq(ptr, allowedips_lookup_src(t, frame), NULL));
	cr_expect(eq(ptr, allowedips_lookup_dst(t, frame), NULL));
	allowedips_destroy(t);
}

/* The slow oracle: all prefixes, the longest that matches, the last of equals. Whole words, so that
 * it is only slow and not unbearable.
 */
struct naive_entry {
	uint64_t hi, lo, mask_hi, mask_lo;
	unsigned len;
	void *peer;
};

struct naive {
	struct naive_entry *entry[2]; /* IPv4, IPv6 */
	size_t len[2];
};

static void words_of(int family, const uint8_t *addr, uint64_t *ret_hi, uint64_t *ret_lo)
{
	*ret_hi = family == AF_INET ? (uint64_t)load_be32(addr) << 32 : load_be64(addr);
	*ret_lo = family == AF_INET ? 0 : load_be64(addr + 8);
}

static void naive_build(struct naive *naive, const struct allowedips_entry *entries, size_t len)
{
	*naive = (struct naive){0};
	for (int f = 0; f < 2; f++)
		naive->entry[f] = calloc(len, sizeof naive->entry[f][0]);
	for (size_t i = 0; i < len; i++) {
		const struct prefix *p = &entries[i].prefix;
		int f = p->family == AF_INET6;
		struct naive_entry *e = &naive->entry[f][naive->len[f]++];

		words_of(p->family, p->addr, &e->hi, &e->lo);
		for (unsigned bit = 0; bit < p->len; bit++)
			*(bit < 64 ? &e->mask_hi : &e->mask_lo) |= 1ull << (63 - bit % 64);
		e->hi &= e->mask_hi;
		e->lo &= e->mask_lo;
		e->len = p->len;
		e->peer = entries[i].peer;
	}
}

static void *naive_lookup(const struct naive *naive, int family, const uint8_t *addr)
{
	int f = family == AF_INET6;
	uint64_t hi, lo;
	int best_len = -1;
	void *best = NULL;

	words_of(family, addr, &hi, &lo);
	for (size_t i = 0; i < naive->len[f]; i++) {
		const struct naive_entry *e = &naive->entry[f][i];

		if ((hi & e->mask_hi) == e->hi && (lo & e->mask_lo) == e->lo &&
		    (int)e->len >= best_len) {
			best_len = e->len;
			best = e->peer;
		}
	}
	return best;
}

static void naive_free(struct naive *naive)
{
	free(naive->entry[0]);
	free(naive->entry[1]);
}

static unsigned address_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

static void random_address(uint8_t addr[static 16])
{
	store_be64(addr, random_word());
	store_be64(addr + 8, random_word());
}

/* Lengths of 4 and more for IPv4 and 12 and more for IPv6; half of the prefixes lie inside the one
 * before, and every eighth repeats one.
 */
static void random_entries(struct allowedips_entry *entries, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct prefix *p = &entries[i].prefix;

		memset(p, 0, sizeof *p);
		entries[i].peer = &peers[random_word() % COUNT(peers)];
		if (i && i % 8 == 0) {
			*p = entries[random_word() % i].prefix;
			continue;
		}
		p->family = random_word() & 1 ? AF_INET : AF_INET6;
		unsigned min = p->family == AF_INET ? 4 : 12;

		p->len = min + random_word() % (address_bits(p->family) - min + 1);
		random_address(p->addr);
		if (i && random_word() & 1 && entries[i - 1].prefix.family == p->family)
			memcpy(p->addr, entries[i - 1].prefix.addr, entries[i - 1].prefix.len / 8);
		if (p->family == AF_INET)
			memset(p->addr + 4, 0, 12);
	}
}

/* Half of the addresses come from inside a prefix (every eighth of these at one of its ends, or one
 * bit beyond), the rest from anywhere.
 */
static int random_target(const struct allowedips_entry *entries, size_t len,
                         uint8_t addr[static 16])
{
	const struct prefix *p = &entries[random_word() % len].prefix;
	uint64_t kind = random_word() % 16;

	random_address(addr);
	if (kind >= 8)
		return random_word() & 1 ? AF_INET : AF_INET6;
	for (unsigned bit = 0; bit < address_bits(p->family); bit++) {
		uint8_t mask = 0x80 >> bit % 8;
		bool is_set = bit < p->len ? p->addr[bit / 8] & mask : kind == 0;

		if (bit >= p->len && kind > 1)
			break; /* a random host part */
		addr[bit / 8] = is_set ? addr[bit / 8] | mask : addr[bit / 8] & ~mask;
	}
	if (kind < 2 && p->len && random_word() & 1)
		addr[(p->len - 1) / 8] ^= 0x80 >> (p->len - 1) % 8;
	return p->family;
}

/* Returns how many lookups found somebody. */
static size_t compare(size_t prefixes, size_t lookups)
{
	struct allowedips_entry *entries = calloc(prefixes, sizeof *entries);
	struct naive naive;
	size_t found = 0, faults = 0;

	random_entries(entries, prefixes);
	naive_build(&naive, entries, prefixes);

	struct allowedips *t = allowedips_build(entries, prefixes);

	cr_assert(ne(ptr, t, NULL));
	for (size_t i = 0; i < lookups; i++) {
		uint8_t addr[16];
		int family = random_target(entries, prefixes, addr);
		void *peer = lookup(t, family, addr);

		found += peer != NULL;
		faults += peer != naive_lookup(&naive, family, addr);
	}
	cr_expect(eq(sz, faults, 0), "%zu prefixes", prefixes);
	allowedips_destroy(t);
	naive_free(&naive);
	free(entries);
	return found;
}

Test(allowedips, four_hundred_prefixes_agree_with_a_naive_table)
{
	seed_random();
	cr_expect(lt(sz, 300000, compare(400, 600000)));
}

Test(allowedips, small_tables_agree_with_a_naive_table)
{
	seed_random();
	for (size_t n = 1; n <= 60; n++)
		cr_expect(lt(sz, 2000, compare(n, 10000)));
}

Test(allowedips, forty_thousand_prefixes_agree_with_a_naive_table)
{
	seed_random();
	cr_expect(lt(sz, 20000, compare(40000, 40000)));
}

Test(allowedips, retired_table_outlives_its_readers)
{
	const struct allowedips_entry entries[] = {entry("10.0.0.0", 8, A)};

	rcu_register_thread();

	struct allowedips *t = allowedips_build(entries, 1);

	cr_assert(ne(ptr, t, NULL));
	allowedips_retire(t);
	allowedips_retire(NULL);
	allowedips_destroy(NULL);
	/* This thread has not been quiescent since, so the table is still there (the address
	 * sanitizer would tell).
	 */
	cr_expect(eq(ptr, lookup_text(t, "10.9.9.9"), A));
	rcu_barrier();
	rcu_unregister_thread();
}
