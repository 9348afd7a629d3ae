/* SPDX-License-Identifier: MIT */
#include "control/peers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../bytes_rig.h"
#include "control/peer.h"

enum {
	PEERS = 40,
	ROUNDS = 2000,
};

static struct peer peer[PEERS];
static struct peers peers;

/* Keys that run against the order of the ids. */
static void setup(void)
{
	for (unsigned i = 0; i < PEERS; i++) {
		peer[i].id = 100 + i;
		peer[i].set.public_key[KEY_LEN - 1] = (uint8_t)(PEERS - i);
	}
}

static void teardown(void)
{
	peers_fini(&peers);
	peers_fini(&peers); /* nothing is left */
}

TestSuite(peers, .init = setup, .fini = teardown);

Test(peers, nobody_is_found_where_nobody_is)
{
	cr_expect(eq(ptr, peers_find(&peers, peer[0].set.public_key), NULL));
	cr_expect(eq(ptr, peers_find_id(&peers, peer[0].id), NULL));
}

Test(peers, those_that_stay_keep_their_order)
{
	cr_assert(eq(int, peers_reserve(&peers, 4), 0));
	for (unsigned i = 0; i < 4; i++)
		peers_add(&peers, &peer[3 - i]);
	peers_remove(&peers, &peer[2]);
	cr_assert(eq(sz, peers.count, 3));
	cr_expect(eq(ptr, peers.at[0], &peer[3]));
	cr_expect(eq(ptr, peers.at[1], &peer[1]));
	cr_expect(eq(ptr, peers.at[2], &peer[0]));
	peers_remove(&peers, &peer[0]);
	peers_remove(&peers, &peer[3]);
	cr_assert(eq(sz, peers.count, 1));
	cr_expect(eq(ptr, peers.at[0], &peer[1]));
}

Test(peers, room_once_made_stays)
{
	cr_assert(eq(int, peers_reserve(&peers, 2), 0));
	peers_add(&peers, &peer[0]);
	cr_assert(eq(int, peers_reserve(&peers, PEERS), 0));
	cr_assert(eq(int, peers_reserve(&peers, 1), 0));
	for (unsigned i = 1; i < PEERS; i++)
		peers_add(&peers, &peer[i]);
	cr_expect(eq(sz, peers.count, PEERS));
	cr_expect(eq(ptr, peers_find(&peers, peer[0].set.public_key), &peer[0]));
}

/* They come and go at random; a list of who is there tells. */
Test(peers, those_that_are_there_are_found)
{
	struct test_random random = test_random_seeded("peers");
	bool is_there[PEERS] = {false};

	cr_assert(eq(int, peers_reserve(&peers, PEERS), 0));
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned i = (unsigned)(test_random_next(&random) % PEERS);

		if (is_there[i])
			peers_remove(&peers, &peer[i]);
		else
			peers_add(&peers, &peer[i]);
		is_there[i] = !is_there[i];
		for (unsigned k = 0; k < PEERS; k++) {
			struct peer *expected = is_there[k] ? &peer[k] : NULL;

			cr_assert(eq(ptr, peers_find(&peers, peer[k].set.public_key), expected));
			cr_assert(eq(ptr, peers_find_id(&peers, peer[k].id), expected));
		}
	}
}
