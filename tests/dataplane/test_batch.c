/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/rcu.h"
#include "base/thread.h"
#include "crypto/init.h"
#include "crypto/keypair.h"
#include "dataplane/batch.h"
#include "dataplane/engine_private.h"
#include "dataplane/inbox.h"
#include "dataplane/peer.h"
#include "dataplane/publish.h"

enum {
	COUNT = 8,
	SLOT_BYTES = 1500,
	GIVERS = 4,
	HAND_OVERS = 100000,
};

static struct batch_pool pool;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	cr_assert(eq(int, batch_pool_init(&pool, COUNT, BATCH_MAX * SLOT_BYTES, SLOT_BYTES), 0));
}

static void teardown(void)
{
	batch_pool_fini(&pool);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(batch, .init = setup, .fini = teardown, .timeout = 60);

/* Takes everything; @ret has room for COUNT. */
static void take_all(struct batch *ret[static COUNT])
{
	for (unsigned i = 0; i < COUNT; i++) {
		ret[i] = batch_get(&pool);
		cr_assert(ne(ptr, ret[i], NULL));
	}
	cr_assert(eq(ptr, batch_get(&pool), NULL));
}

Test(batch, datagrams_are_referred_to_where_they_lie)
{
	struct batch *b = batch_get(&pool);
	struct iovec at[BATCH_MAX];
	cr_expect(eq(uint, batch_refer(b, at), 0));
	for (unsigned i = 0; i < 3; i++)
		batch_append(b, pool.stride)->len = (uint16_t)(100 + i);
	cr_assert(eq(uint, batch_refer(b, at), 3));
	for (unsigned i = 0; i < 3; i++) {
		cr_expect(eq(ptr, at[i].iov_base, b->data + i * pool.stride));
		cr_expect(eq(sz, at[i].iov_len, 100 + i));
	}
	batch_free(b);
}

Test(batch, slots_are_whole_cache_lines_and_fit)
{
	static const struct {
		unsigned slot_bytes, stride, slots;
	} cases[] = {
		{1, 64, 64},       {64, 64, 64},      {65, 128, 64},     {1024, 1024, 64},
		{1025, 1088, 64},  {1552, 1600, 64},  {2048, 2048, 64},  {2049, 2112, 62},
		{16384, 16384, 8}, {32768, 32768, 4}, {32769, 32832, 3}, {65472, 65472, 2},
		{65535, 65536, 2}, {65536, 65536, 2},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		static struct batch_pool p;

		cr_assert(eq(int, batch_pool_init(&p, 1, 2 * TRAIN_BYTES, cases[i].slot_bytes), 0));
		cr_expect(eq(u32, p.stride, cases[i].stride), "%u", cases[i].slot_bytes);
		cr_expect(eq(uint, p.slots, cases[i].slots), "%u", cases[i].slot_bytes);
		cr_expect(eq(u32, p.bytes, 2 * TRAIN_BYTES));
		cr_expect(le(uint, p.slots * p.stride, p.bytes));
		batch_pool_fini(&p);
	}
}

/* What the owner says: a worker's answers need one slot, a train of datagrams is no row of slots.
 */
Test(batch, buffers_are_as_large_as_asked_for_and_whole_cache_lines)
{
	static const struct {
		uint32_t bytes, slot_bytes, whole, slots;
	} cases[] = {
		{1552, 1552, 1600, 1},
		{TRAIN_BYTES, 1552, TRAIN_BYTES, 40},
		{TRAIN_BYTES, TRAIN_BYTES, TRAIN_BYTES, 1},
		{65535, 64, 65536, 64},
		{1, 1, 64, 1},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		static struct batch_pool p;
		struct batch *b[2];

		cr_assert(eq(int, batch_pool_init(&p, 2, cases[i].bytes, cases[i].slot_bytes), 0));
		cr_expect(eq(u32, p.bytes, cases[i].whole), "%u", i);
		cr_expect(eq(uint, p.slots, cases[i].slots), "%u", i);
		for (unsigned k = 0; k < 2; k++) {
			b[k] = batch_get(&p);
			memset(b[k]->data, (int)k + 1, p.bytes);
		}
		cr_expect(eq(u8, b[0]->data[p.bytes - 1], 1));
		cr_expect(eq(u8, b[1]->data[0], 2));
		batch_free(b[0]);
		batch_free(b[1]);
		batch_pool_fini(&p);
	}
}

/* Every slot of every batch is written from its first to its last byte and then looked at. */
Test(batch, slots_do_not_overlap)
{
	struct batch *b[COUNT];
	unsigned wrong = 0;

	take_all(b);
	for (unsigned i = 0; i < COUNT; i++) {
		cr_expect(eq(uint, (uintptr_t)b[i]->data % CACHE_LINE, 0));
		for (unsigned s = 0; s < pool.slots; s++) {
			struct segment *seg = batch_append(b[i], pool.stride);

			memset(segment_header(b[i], seg), (int)(i * 31 + s), SLOT_BYTES);
		}
	}
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned s = 0; s < pool.slots; s++) {
			const uint8_t *at = segment_header(b[i], &b[i]->segment[s]);

			for (unsigned k = 0; k < SLOT_BYTES; k++)
				wrong += at[k] != (uint8_t)(i * 31 + s);
		}
		batch_free(b[i]);
	}
	cr_expect(eq(uint, wrong, 0));
}

Test(batch, payload_lies_behind_the_transport_header)
{
	struct batch *b = batch_get(&pool);
	struct segment *seg;

	batch_append(b, pool.stride);
	seg = batch_append(b, pool.stride);
	cr_expect(eq(uint, b->len, 2));
	cr_expect(eq(u32, seg->offset, pool.stride));
	cr_expect(eq(ptr, segment_header(b, seg), b->data + pool.stride));
	cr_expect(eq(ptr, segment_payload(b, seg), b->data + pool.stride + 16));
	batch_free(b);
}

Test(batch, empty_pool_gives_nothing_until_one_comes_home)
{
	struct batch *b[COUNT];

	take_all(b);
	cr_expect(not(batch_pool_has_idle(&pool)));
	batch_free(b[3]);
	cr_expect(batch_pool_has_idle(&pool));
	cr_expect(eq(ptr, batch_get(&pool), b[3]));
	cr_expect(eq(ptr, batch_get(&pool), NULL));
	batch_free(b[5]);
	cr_expect(eq(ptr, batch_get_wait(&pool), b[5]));
	for (unsigned i = 0; i < COUNT; i++)
		batch_free(b[i]);
}

/* What was used last is still in the cache; and memory never used is never touched. */
Test(batch, last_one_given_back_is_taken_first)
{
	struct batch *a = batch_get(&pool), *b = batch_get(&pool), *c = batch_get(&pool);

	batch_free(b);
	batch_free(c);
	batch_free(a);
	cr_expect(eq(ptr, batch_get(&pool), a));
	cr_expect(eq(ptr, batch_get(&pool), c));
	cr_expect(eq(ptr, batch_get(&pool), b));
	batch_free(c);
	cr_expect(eq(ptr, batch_get(&pool), c));
	batch_free(a);
	batch_free(b);
	batch_free(c);
}

Test(batch, one_at_a_time_uses_one_batch_only)
{
	struct batch *first = batch_get(&pool);

	batch_free(first);
	for (unsigned i = 0; i < 3 * COUNT; i++) {
		struct batch *b = batch_get(&pool);

		cr_assert(eq(ptr, b, first));
		batch_free(b);
	}
}

Test(batch, nothing_is_left_over_from_the_life_before)
{
	struct batch *b = batch_get(&pool), *other = batch_get(&pool);

	batch_append(b, pool.stride);
	b->path_id = 3;
	b->path_mask = 0xffff;
	b->has_remote = true;
	b->next = other;
	batch_free(b);
	cr_assert(eq(ptr, batch_get(&pool), b));
	cr_expect(eq(uint, b->len, 0));
	cr_expect(eq(u8, b->path_id, PATH_NONE));
	cr_expect(eq(u16, b->path_mask, 0));
	cr_expect(not(b->has_remote));
	cr_expect(eq(ptr, b->next, NULL));
	cr_expect(eq(ptr, b->peer, NULL));
	cr_expect(eq(ptr, b->keypair, NULL));
	batch_free(b);
	batch_free(other);
}

Test(batch, references_are_released_once)
{
	struct keypair *kp = keypair_create(true, 1, 2, 3);
	static struct dispatcher dispatcher;
	static struct engine engine = {.set.tun.queues = 1, .dispatcher = &dispatcher};
	struct dp_peer *peer = engine_create_peer(&engine, NULL);
	struct batch *b = batch_get(&pool);

	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->peer = dp_peer_get(peer);
	cr_expect(eq(uint, reference_count(&kp->references), 2));
	cr_expect(eq(uint, reference_count(&peer->references), 2));
	batch_free(b);
	cr_expect(eq(uint, reference_count(&kp->references), 1));
	cr_expect(eq(uint, reference_count(&peer->references), 1));
	cr_assert(eq(ptr, batch_get(&pool), b));
	batch_free(b);
	cr_expect(eq(uint, reference_count(&kp->references), 1));
	cr_expect(eq(uint, reference_count(&peer->references), 1));
	keypair_put(kp);
	dp_peer_put(peer);
}

Test(batch, null_and_an_empty_pool_are_accepted)
{
	static struct batch_pool none;

	batch_free(NULL);
	batch_pool_fini(&none);
}

/* ---- with other threads ---- */

/* Stands for the owner: the pool is its alone meanwhile. */
static struct batch *got_by_waiting;

static void wait_for_one(void *arg)
{
	(void)arg;
	got_by_waiting = batch_get_wait(&pool);
}

Test(batch, waiting_owner_is_woken_and_holds_up_no_grace_period)
{
	struct batch *b[COUNT];
	struct thread owner;

	take_all(b);
	cr_assert(eq(int, thread_start(&owner, "owner", THREAD_RX, -1, wait_for_one, NULL), 0));
	while (!atomic_load(&pool.free.is_waiting))
		sched_yield();
	synchronize_rcu(); /* would not end if it slept online */
	batch_free(b[6]);
	thread_join(&owner);
	cr_expect(eq(ptr, got_by_waiting, b[6]));
	for (unsigned i = 0; i < COUNT; i++)
		batch_free(b[i]);
}

/* The owner takes, waiting when it must, and hands to one of several threads, which give back. */
struct giver {
	struct thread thread;
	struct inbox inbox;
};

static struct giver givers[GIVERS];
static atomic_bool is_out[COUNT];

static void give_back(void *arg)
{
	struct giver *g = arg;
	struct batch *b;

	while (inbox_wait(&g->inbox)) {
		while ((b = inbox_take(&g->inbox))) {
			atomic_store(&is_out[b - pool.batches], false);
			batch_free(b);
			rcu_quiescent_state();
		}
	}
}

Test(batch, given_back_by_other_threads_each_is_had_by_one_only)
{
	unsigned twice = 0;

	for (unsigned i = 0; i < GIVERS; i++) {
		inbox_init(&givers[i].inbox, 0);
		cr_assert(eq(int,
		             thread_start(&givers[i].thread, "giver", THREAD_WORKER, -1, give_back,
		                          &givers[i]),
		             0));
	}
	for (unsigned i = 0; i < HAND_OVERS; i++) {
		struct batch *b = batch_get_wait(&pool);

		twice += atomic_exchange(&is_out[b - pool.batches], true);
		inbox_push(&givers[i % GIVERS].inbox, b);
		rcu_quiescent_state();
	}
	for (unsigned i = 0; i < GIVERS; i++) {
		inbox_stop(&givers[i].inbox);
		thread_join(&givers[i].thread);
	}
	cr_expect(eq(uint, twice, 0));

	struct batch *b[COUNT];

	take_all(b); /* none was lost */
	for (unsigned i = 0; i < COUNT; i++)
		batch_free(b[i]);
}

Test(batch, all_are_awaited_and_not_longer_than_wanted)
{
	struct batch *b = batch_get(&pool);

	cr_expect(not(batch_pool_await_all(&pool, 1)));
	batch_free(b);
	cr_expect(batch_pool_await_all(&pool, 1));
	cr_expect(batch_pool_await_all(&pool, 0), "none is out");
	b = batch_get(&pool);
	inbox_init(&givers[0].inbox, 0);
	cr_assert(eq(
		int,
		thread_start(&givers[0].thread, "giver", THREAD_WORKER, -1, give_back, &givers[0]),
		0));
	inbox_push(&givers[0].inbox, b);
	cr_expect(batch_pool_await_all(&pool, 10000), "it comes from another thread");
	inbox_stop(&givers[0].inbox);
	thread_join(&givers[0].thread);
}
