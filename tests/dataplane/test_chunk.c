/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <string.h>

#include "base/rcu.h"

#include "base/thread.h"
#include "dataplane/chunk.h"

enum {
	COUNT = 4,
	BYTES = 4096,
	LONGEST = 1024,
	PIECE = 256,
	HOLDERS = 3,
	HAND_OVERS = 50000,
};

static struct chunk_pool pool;

static void setup(void)
{
	rcu_register_thread();
	cr_assert(eq(int, chunk_pool_init(&pool, COUNT, BYTES, LONGEST), 0));
}

static void teardown(void)
{
	chunk_pool_fini(&pool);
	rcu_unregister_thread();
}

TestSuite(chunk, .init = setup, .fini = teardown, .timeout = 60);

/* A piece of @bytes as a batch takes it: with a reference. */
static struct chunk *take(uint32_t bytes, uint8_t **ret)
{
	struct chunk *c = chunk_take(&pool, bytes);

	cr_assert(ne(ptr, c, NULL));
	*ret = c->data + chunk_cut(c, bytes);
	return c;
}

/* A whole chunk. */
static struct chunk *take_whole(void)
{
	uint8_t *at;

	return take(BYTES, &at);
}

static void take_all(struct chunk *ret[static COUNT])
{
	for (unsigned i = 0; i < COUNT; i++)
		ret[i] = take_whole();
	cr_assert(eq(ptr, chunk_take(&pool, CACHE_LINE), NULL));
}

static void put_all(struct chunk *const c[static COUNT])
{
	for (unsigned i = 0; i < COUNT; i++)
		chunk_put(c[i]);
}

Test(chunk, pieces_lie_one_behind_the_other)
{
	uint8_t *at[3];
	struct chunk *a = take(128, &at[0]), *b = take(1024, &at[1]), *c = take(64, &at[2]);

	cr_expect(eq(ptr, b, a));
	cr_expect(eq(ptr, c, a));
	cr_expect(eq(ptr, at[0], a->data));
	cr_expect(eq(sz, (uintptr_t)at[0] % CACHE_LINE, 0));
	cr_expect(eq(ptr, at[1], at[0] + 128));
	cr_expect(eq(ptr, at[2], at[1] + 1024));
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 1));
	chunk_put(a);
	chunk_put(b);
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 1));
	chunk_put(c);
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 0));
}

/* Chunks are written from their first to their last byte and then looked at. */
Test(chunk, chunks_do_not_overlap)
{
	struct chunk *c[COUNT];

	take_all(c);
	for (unsigned i = 0; i < COUNT; i++)
		memset(c[i]->data, (int)i + 1, BYTES);
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned k = 0; k < BYTES; k++)
			cr_assert(eq(u8, c[i]->data[k], i + 1));
	}
	put_all(c);
}

Test(chunk, without_room_another_is_laid_open_and_the_rest_may_still_be_cut_off)
{
	uint8_t *at;
	struct chunk *a = take(BYTES - 128, &at), *b = take(256, &at);

	cr_expect(ne(ptr, b, a));
	cr_expect(eq(ptr, at, b->data));
	cr_expect(chunk_has_room(a, 128));
	cr_expect(not(chunk_has_room(a, 129)));
	cr_expect(eq(u32, chunk_cut(a, 128), BYTES - 128));
	cr_expect(not(chunk_has_room(a, 1)));
	chunk_put(a);
	chunk_put(b);
}

/* While work is done in place there is one batch after the other, and all use the same memory. */
Test(chunk, one_to_which_nobody_refers_any_more_is_begun_anew)
{
	uint8_t *at, *first;
	struct chunk *c = take(512, &first);

	for (unsigned i = 0; i < 3 * BYTES / 512; i++) {
		chunk_put(c);
		c = take(512, &at);
		cr_assert(eq(ptr, at, first));
	}
	chunk_put(c);
}

Test(chunk, one_to_which_somebody_refers_is_not_begun_anew)
{
	uint8_t *at, *kept;
	struct chunk *c = take(512, &kept), *keeper = chunk_get(c);

	memset(kept, 7, 512);
	for (unsigned i = 0; i < 3 * BYTES / 512; i++) {
		chunk_put(c);
		c = take(512, &at);
		memset(at, 9, 512);
	}
	for (unsigned i = 0; i < 512; i++)
		cr_assert(eq(u8, kept[i], 7));
	chunk_put(c);
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 1));
	chunk_put(keeper);
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 0));
}

Test(chunk, last_one_that_came_home_is_taken_first)
{
	struct chunk *c[COUNT];

	take_all(c);
	chunk_put(c[2]);
	chunk_put(c[0]);
	cr_expect(eq(ptr, take_whole(), c[0]));
	cr_expect(eq(ptr, take_whole(), c[2]));
	put_all(c);
}

Test(chunk, room_is_said_to_be_there_when_the_longest_piece_can_be_had)
{
	struct chunk *c[COUNT];
	uint8_t *at;

	for (unsigned i = 0; i < COUNT; i++) {
		cr_expect(chunk_pool_has_room(&pool));
		c[i] = take(BYTES - LONGEST, &at);
	}
	cr_expect(chunk_pool_has_room(&pool));
	chunk_cut(c[COUNT - 1], CACHE_LINE);
	cr_expect(not(chunk_pool_has_room(&pool)));
	chunk_put(c[1]);
	cr_expect(chunk_pool_has_room(&pool));
	cr_expect(eq(ptr, take_whole(), c[1]));
	put_all(c);
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 0));
	cr_expect(chunk_pool_has_room(&pool));
}

Test(chunk, all_are_idle_once_none_is_open)
{
	chunk_put(take_whole());
	cr_expect(eq(uint, free_list_count(&pool.free), COUNT - 1));
	chunk_pool_close(&pool);
	cr_expect(eq(uint, free_list_count(&pool.free), COUNT));
	chunk_pool_close(&pool); /* none is: nothing happens */
	cr_expect(eq(uint, free_list_count(&pool.free), COUNT));
	chunk_put(take_whole());
}

Test(chunk, empty_pool_is_accepted)
{
	static struct chunk_pool none;

	chunk_pool_fini(&none);
}

/* ---- with other threads ---- */

static void wait_for_room(void *arg)
{
	(void)arg;
	while (!chunk_pool_has_room(&pool))
		free_list_await(&pool.free, NULL);
}

/* Also by the chunk that was open: the pool has let go of it before. */
Test(chunk, owner_who_waits_is_woken_by_whichever_comes_home)
{
	for (unsigned i = 0; i < COUNT; i++) {
		struct chunk *c[COUNT];
		struct thread owner; /* the pool is its alone meanwhile */

		take_all(c);
		cr_assert(eq(int, thread_start(&owner, "owner", THREAD_RX, -1, wait_for_room, NULL),
		             0));
		while (!atomic_load(&pool.free.is_waiting))
			sched_yield();
		chunk_put(c[i]);
		thread_join(&owner);
		cr_expect(eq(ptr, take_whole(), c[i]));
		put_all(c);
	}
}

/* The owner writes pieces; who got one finds it as it was written, until he lets go of it. */
struct holder {
	struct thread thread;
	_Atomic(struct chunk *) chunk; /* that was handed over; NULL: the next one may be */
	const uint8_t *piece;
	uint8_t filling;
	unsigned wrong;
};

static struct holder holders[HOLDERS];
static atomic_bool is_over;

static void look_at(struct holder *h)
{
	for (unsigned i = 0; i < PIECE; i++)
		h->wrong += h->piece[i] != h->filling;
}

static void hold(void *arg)
{
	struct holder *h = arg;
	struct chunk *c;

	while ((c = atomic_load(&h->chunk)) || !atomic_load(&is_over)) {
		if (c) {
			look_at(h);
			sched_yield();
			look_at(h);
			chunk_put(c);
			atomic_store(&h->chunk, NULL);
		}
		sched_yield();
	}
}

static void hand_over(struct holder *h, uint8_t filling)
{
	struct chunk *c;
	uint8_t *at;

	while (atomic_load(&h->chunk))
		sched_yield();
	wait_for_room(NULL);
	c = take(PIECE, &at);
	memset(at, filling, PIECE);
	h->piece = at;
	h->filling = filling;
	atomic_store(&h->chunk, c);
}

Test(chunk, piece_stays_as_it_is_until_its_holder_lets_go)
{
	for (unsigned i = 0; i < HOLDERS; i++)
		cr_assert(eq(int,
		             thread_start(&holders[i].thread, "holder", THREAD_HELPER, -1, hold,
		                          &holders[i]),
		             0));
	for (unsigned i = 0; i < HAND_OVERS; i++)
		hand_over(&holders[i % HOLDERS], (uint8_t)i);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < HOLDERS; i++) {
		thread_join(&holders[i].thread);
		cr_expect(eq(uint, holders[i].wrong, 0));
	}
	cr_expect(eq(uint, chunk_pool_in_use(&pool), 0));
}
