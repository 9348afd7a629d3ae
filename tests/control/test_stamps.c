/* SPDX-License-Identifier: MIT */
#include "control/stamps.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"
#include "vtrunkd/limits.h"

static struct stamps stamps;

static void teardown(void)
{
	stamps_fini(&stamps);
}

TestSuite(stamps, .fini = teardown);

static void keep(uint32_t peer, uint64_t at, uint64_t now)
{
	uint8_t key[KEY_LEN] = {0}, at_bytes[TAI64N_LEN] = {0}, now_bytes[TAI64N_LEN] = {0};

	store_le32(key, peer);
	store_be64(at_bytes, at);
	store_be64(now_bytes, now);
	stamps_keep(&stamps, key, at_bytes, now_bytes);
}

/* 0: nothing. */
static uint64_t take(uint32_t peer)
{
	uint8_t key[KEY_LEN] = {0}, at[TAI64N_LEN] = {0};

	store_le32(key, peer);
	stamps_take(&stamps, key, at);
	return load_be64(at);
}

Test(stamps, one_ahead_of_the_clock_is_there_when_its_peer_comes_back_once)
{
	keep(7, 200, 100);
	keep(8, 300, 100);
	cr_expect(eq(u64, take(9), 0));
	cr_expect(eq(u64, take(7), 200));
	cr_expect(eq(u64, take(7), 0));
	cr_expect(eq(u64, take(8), 300));
}

/* Another stamp of the same moment would be no newer one. */
Test(stamps, one_of_this_moment_is_kept_and_an_older_one_is_not)
{
	keep(1, 99, 100);
	keep(2, 100, 100);
	keep(3, 0, 100);
	cr_expect(eq(sz, stamps.count, 1));
	cr_expect(eq(u64, take(2), 100));
}

Test(stamps, those_that_the_clock_has_passed_are_forgotten)
{
	for (uint32_t i = 1; i <= 20; i++)
		keep(i, 100 + i, 100);
	cr_expect(eq(sz, stamps.count, 20));
	keep(21, 0, 115);
	cr_expect(eq(sz, stamps.count, 6));
	for (uint32_t i = 1; i <= 20; i++)
		cr_expect(eq(u64, take(i), i < 15 ? 0 : 100 + i));
}

Test(stamps, there_are_never_more_than_peers)
{
	for (uint32_t i = 1; i <= PEERS_MAX + 10; i++)
		keep(i, 200, 100);
	cr_expect(eq(sz, stamps.count, PEERS_MAX));
	cr_expect(eq(u64, take(PEERS_MAX), 200));
	cr_expect(eq(u64, take(PEERS_MAX + 1), 0));
}
