/* SPDX-License-Identifier: MIT */
#include "control/ratelimit.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/aead.h"
#include "crypto/init.h"

#define MS NS_PER_MS

static void start(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(ratelimit, .init = start);

static struct endpoint ip4(uint32_t addr, uint16_t port)
{
	return (struct endpoint){.in4 = {.sin_family = AF_INET,
	                                 .sin_port = htons(port),
	                                 .sin_addr.s_addr = htonl(addr)}};
}

static struct endpoint ip6(const char *text)
{
	struct endpoint ep = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)}};

	cr_assert(eq(int, inet_pton(AF_INET6, text, &ep.in6.sin6_addr), 1));
	return ep;
}

/* How many of @tries messages pass at one moment. */
static unsigned passed(struct ratelimit *limit, struct endpoint ep, unsigned tries, uint64_t now_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += ratelimit_pass(limit, &ep, now_ns);
	return n;
}

Test(ratelimit, tokens_come_to_the_nanosecond)
{
	struct ratelimit limit = {0};
	struct endpoint ep = ip4(0x0a000001, 1);
	const uint64_t t = 1000 * NS_PER_S;
	static const struct {
		uint64_t after_ns; /* since t */
		unsigned passes;   /* of ten tries */
	} steps[] = {
		{0, 5},           /* the burst */
		{50 * MS - 1, 0}, /* one nanosecond short of a token */
		{50 * MS, 1},     /* one twentieth of a second */
		{99 * MS, 0},     /* what is refused costs nothing, nor does it give */
		{100 * MS, 1},    {249 * MS, 2}, /* tokens of 150, 200 ms; not yet of 250 */
		{250 * MS, 1},    {499 * MS, 4},  {500 * MS, 1}, {750 * MS - 1, 4},
		{750 * MS, 1},    {5000 * MS, 5}, /* never more than the burst */
	};

	for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
		cr_expect(eq(uint, passed(&limit, ep, 10, t + steps[i].after_ns), steps[i].passes),
		          "step %u", i);
	ratelimit_fini(&limit);
}

/* The oracle: a bucket of nanoseconds that fills and is drawn from, for one source among others. */
Test(ratelimit, random_arrivals_agree_with_a_plain_bucket)
{
	struct ratelimit limit = {0};
	struct endpoint ep = ip4(0xc0000201, 9);
	struct timespec t;
	uint64_t now = NS_PER_S, filled = RATELIMIT_BURST * RATELIMIT_TOKEN_NS;
	unsigned yes = 0, no = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	fprintf(stderr, "seed %u\n", (unsigned)t.tv_nsec);
	srand((unsigned)t.tv_nsec);
	for (unsigned i = 0; i < 50000; i++) {
		uint64_t gap = (uint64_t)rand() % (i % 100 ? 60 * MS : 600 * MS);

		now += gap;
		filled += gap;
		if (filled > RATELIMIT_BURST * RATELIMIT_TOKEN_NS)
			filled = RATELIMIT_BURST * RATELIMIT_TOKEN_NS;
		bool expected = filled >= RATELIMIT_TOKEN_NS;
		if (expected)
			filled -= RATELIMIT_TOKEN_NS;
		expected ? yes++ : no++;
		struct endpoint stranger = ip4((uint32_t)rand(), 1);
		ratelimit_pass(&limit, &stranger, now);
		cr_assert(eq(int, ratelimit_pass(&limit, &ep, now), expected));
	}
	cr_assert(lt(uint, 1000, yes));
	cr_assert(lt(uint, 1000, no));
	ratelimit_fini(&limit);
}

Test(ratelimit, ports_of_an_address_share_a_bucket_and_addresses_do_not)
{
	struct ratelimit limit = {0};

	cr_assert(eq(uint, passed(&limit, ip4(0x0a000001, 1), 3, 7), 3));
	cr_assert(eq(uint, passed(&limit, ip4(0x0a000001, 2), 3, 7), 2));
	cr_assert(eq(uint, passed(&limit, ip4(0x0a000002, 1), 6, 7), 5));
	cr_assert(eq(sz, ratelimit_source_count(&limit), 2));
	ratelimit_fini(&limit);
}

Test(ratelimit, ipv6_counts_by_64_bits)
{
	struct ratelimit limit = {0};

	cr_assert(eq(uint, passed(&limit, ip6("2001:db8:0:1::1"), 3, 7), 3));
	cr_assert(eq(uint, passed(&limit, ip6("2001:db8:0:1:ffff:ffff:ffff:ffff"), 3, 7), 2));
	cr_assert(eq(uint, passed(&limit, ip6("2001:db8:0:2::1"), 6, 7), 5));
	cr_assert(eq(uint, passed(&limit, ip6("2001:db8:1:1::1"), 6, 7), 5));
	cr_assert(eq(sz, ratelimit_source_count(&limit), 3));
	ratelimit_fini(&limit);
}

Test(ratelimit, families_are_apart_but_a_mapped_address_is_ipv4)
{
	struct ratelimit limit = {0};

	cr_assert(eq(uint, passed(&limit, ip4(0x01020304, 1), 5, 7), 5));
	cr_assert(eq(uint, passed(&limit, ip6("102:304::"), 6, 7), 5)); /* the same four bytes */
	cr_assert(eq(uint, passed(&limit, ip6("::ffff:1.2.3.4"), 1, 7), 0));
	cr_assert(eq(uint, passed(&limit, ip6("::ffff:1.2.3.5"), 6, 7), 5));
	cr_assert(eq(uint, passed(&limit, (struct endpoint){0}, 1, 7), 0));
	ratelimit_fini(&limit);
}

Test(ratelimit, a_million_sources_get_no_more_than_the_table)
{
	struct ratelimit limit = {0};
	unsigned accepted = 0;

	passed(&limit, ip4(1, 1), 1, 5);
	size_t bytes = ratelimit_bytes(&limit);
	cr_assert(lt(sz, bytes, 2u << 20));
	for (uint32_t i = 1; i <= 1000000; i++) {
		accepted += passed(&limit, ip4(0x0a000000 + i, 1), 1, 5);
		cr_assert(le(sz, ratelimit_source_count(&limit), RATELIMIT_SOURCES));
	}
	cr_assert(eq(uint, accepted, RATELIMIT_SOURCES - 1));
	cr_assert(eq(sz, ratelimit_source_count(&limit), RATELIMIT_SOURCES));
	cr_assert(eq(sz, ratelimit_bytes(&limit), bytes));
	/* A source that has its entry goes on as if there were no flood. */
	cr_assert(eq(uint, passed(&limit, ip4(1, 1), 9, 5), 4));
	ratelimit_fini(&limit);
}

/* 1 us between messages, each from a new source: 50,000 buckets are not full at any time. */
Test(ratelimit, sweeping_keeps_up_with_a_flood)
{
	struct ratelimit limit = {0};
	uint64_t now = NS_PER_S;

	for (uint32_t i = 0; i < 1000000; i++, now += 1000)
		cr_assert(eq(uint, passed(&limit, ip4(i, 1), 1, now), 1));
	cr_assert(lt(sz, ratelimit_source_count(&limit), RATELIMIT_SOURCES));
	ratelimit_fini(&limit);
}

Test(ratelimit, full_table_takes_sources_again_when_buckets_are_full)
{
	struct ratelimit limit = {0};

	for (uint32_t i = 0; i < RATELIMIT_SOURCES; i++)
		cr_assert(eq(uint, passed(&limit, ip4(i, 1), 1, 5), 1));
	cr_assert(eq(uint, passed(&limit, ip4(RATELIMIT_SOURCES, 1), 1, 5), 0));
	unsigned later = passed(&limit, ip4(RATELIMIT_SOURCES, 1), RATELIMIT_SOURCES, 5 + 50 * MS);
	cr_assert(eq(uint, later, 5));
	/* All chains were visited, and only that one source is not full. */
	cr_assert(eq(sz, ratelimit_source_count(&limit), 1));
	ratelimit_fini(&limit);
}

Test(ratelimit, table_goes_after_idleness)
{
	struct ratelimit limit = {0};
	const uint64_t t = 3 * NS_PER_S;

	cr_assert(eq(u64, ratelimit_expire(&limit, t), NEVER_NS));
	cr_assert(eq(sz, ratelimit_bytes(&limit), 0));
	passed(&limit, ip4(1, 1), 1, t);
	cr_assert(lt(sz, 0, ratelimit_bytes(&limit)));
	cr_assert(eq(u64, ratelimit_expire(&limit, t), t + RATELIMIT_IDLE_NS));
	cr_assert(eq(u64, ratelimit_expire(&limit, t + RATELIMIT_IDLE_NS - 1),
	             t + RATELIMIT_IDLE_NS));
	cr_assert(lt(sz, 0, ratelimit_bytes(&limit)));
	cr_assert(eq(u64, ratelimit_expire(&limit, t + RATELIMIT_IDLE_NS), NEVER_NS));
	cr_assert(eq(sz, ratelimit_bytes(&limit), 0));
	cr_assert(eq(uint, passed(&limit, ip4(1, 1), 9, t + RATELIMIT_IDLE_NS), 5));
	ratelimit_fini(&limit);
	ratelimit_fini(&limit);
	ratelimit_fini(NULL);
}
