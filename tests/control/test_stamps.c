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

static void keep(uint32_t peer, uint64_t at)
{
	uint8_t key[KEY_LEN] = {0}, at_bytes[TAI64N_LEN] = {0};

	store_le32(key, peer);
	store_be64(at_bytes, at);
	stamps_keep(&stamps, key, at_bytes);
}

/* 0: nothing. */
static uint64_t take(uint32_t peer)
{
	uint8_t key[KEY_LEN] = {0}, at[TAI64N_LEN] = {0};

	store_le32(key, peer);
	stamps_take(&stamps, key, at);
	return load_be64(at);
}

Test(stamps, each_is_there_when_its_peer_comes_back_once)
{
	keep(7, 200);
	keep(8, 300);
	cr_expect(eq(u64, take(9), 0));
	cr_expect(eq(u64, take(7), 200));
	cr_expect(eq(u64, take(7), 0));
	cr_expect(eq(u64, take(8), 300));
}

Test(stamps, of_a_peer_that_was_sent_none_nothing_is_kept)
{
	keep(3, 0);
	cr_expect(eq(sz, stamps.count, 0));
}

Test(stamps, of_more_than_peers_the_oldest_is_forgotten)
{
	for (uint32_t i = 1; i <= PEERS_MAX; i++)
		keep(i, 1000 + (i * 7) % PEERS_MAX); /* 7 and PEERS_MAX have no common factor */
	cr_expect(eq(sz, stamps.count, PEERS_MAX));
	keep(PEERS_MAX + 1, 500);
	cr_expect(eq(sz, stamps.count, PEERS_MAX));
	cr_expect(eq(u64, take(PEERS_MAX + 1), 500));
	cr_expect(eq(u64, take(PEERS_MAX), 0), "1000, the oldest");
	for (uint32_t i = 1; i < PEERS_MAX; i++)
		cr_expect(eq(u64, take(i), 1000 + (i * 7) % PEERS_MAX));
}
