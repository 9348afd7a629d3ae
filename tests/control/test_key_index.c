/* SPDX-License-Identifier: MIT */
#include "control/key_index.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../bytes_rig.h"

enum {
	PEERS = 60,
	ROUNDS = 4000,
};

/* What is found is compared and never looked into. */
static uint8_t keys[PEERS][KEY_LEN];
static char peers[PEERS];
static struct key_index by_key;

static struct peer *peer(unsigned i)
{
	return (struct peer *)&peers[i];
}

static void teardown(void)
{
	key_index_fini(&by_key);
	key_index_fini(&by_key); /* nothing is left */
}

TestSuite(key_index, .fini = teardown);

Test(key_index, nobody_is_found_in_an_empty_one)
{
	cr_expect(eq(ptr, key_index_find(&by_key, keys[0]), NULL));
	key_index_remove(&by_key, keys[0]);
	cr_expect(eq(sz, by_key.count, 0));
}

/* Keys that differ in one byte, first or last, come and go at random; a list of who is there tells.
 */
Test(key_index, those_that_are_there_are_found)
{
	struct test_random random = test_random_seeded("key_index");
	bool is_there[PEERS] = {false};

	for (unsigned i = 0; i < PEERS; i++)
		keys[i][i % 2 ? 0 : KEY_LEN - 1] = (uint8_t)(i + 1);
	cr_assert(eq(int, key_index_reserve(&by_key, PEERS), 0));
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned i = (unsigned)(test_random_next(&random) % PEERS);

		if (is_there[i])
			key_index_remove(&by_key, keys[i]);
		else
			key_index_add(&by_key, keys[i], peer(i));
		is_there[i] = !is_there[i];
		for (unsigned k = 0; k < PEERS; k++)
			cr_assert(eq(ptr, key_index_find(&by_key, keys[k]),
			             is_there[k] ? peer(k) : NULL));
	}
}

Test(key_index, room_stays_when_less_is_asked_for)
{
	cr_assert(eq(int, key_index_reserve(&by_key, 8), 0));
	cr_assert(eq(int, key_index_reserve(&by_key, 3), 0));
	cr_expect(eq(sz, by_key.room, 8));
	memset(keys[1], 1, KEY_LEN);
	key_index_add(&by_key, keys[1], peer(1));
	cr_assert(eq(int, key_index_reserve(&by_key, 100), 0));
	cr_expect(eq(ptr, key_index_find(&by_key, keys[1]), peer(1)));
}
