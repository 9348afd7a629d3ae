/* SPDX-License-Identifier: MIT */
/* Batches whose packets lie in chunks, as a dispatcher has them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <string.h>

#include "base/rcu.h"
#include "base/thread.h"
#include "crypto/init.h"
#include "crypto/keypair.h"
#include "dataplane/batch.h"
#include "dataplane/engine_private.h"
#include "dataplane/peer.h"
#include "dataplane/publish.h"

enum {
	COUNT = 8,
	ROUNDS = 300,
	FULL = 1420,
	FULL_PIECE = 1472, /* with 32 bytes of overhead and 4 of padding, in cache lines */
};

static struct batch_pool pool; /* of somebody else, with bytes of their own */
static struct dispatcher no_dispatcher;
static struct engine no_engine = {.set.tun.queues = 1, .dispatcher = &no_dispatcher};

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	cr_assert(eq(int, batch_pool_init(&pool, 1, 2 * FULL_PIECE, FULL_PIECE), 0));
}

static void teardown(void)
{
	batch_pool_fini(&pool);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(batch_chunks, .init = setup, .fini = teardown, .timeout = 60);

static struct batch_pool sending;

/* @chunks of four full packets each. */
static void begin_sending(unsigned chunks)
{
	cr_assert(eq(int,
	             batch_pool_init_chunks(&sending, COUNT, chunks, 4 * FULL_PIECE, FULL + 48),
	             0));
}

static void end_sending(void)
{
	cr_expect(eq(uint, chunk_pool_in_use(&sending.chunks), 0));
	batch_pool_fini(&sending);
}

/* Header, padding and tag included, in whole cache lines. */
Test(batch_chunks, packet_takes_what_it_needs_and_lies_behind_the_one_before)
{
	static const size_t len[] = {0, 1, 16, 17, 32, 33, 97, FULL};
	static const uint32_t takes[] = {64, 64, 64, 64, 64, 128, 192, FULL_PIECE};
	struct batch *b;
	uint32_t at = 0;

	begin_sending(1);
	b = batch_get_for(&sending, FULL);
	cr_assert(ne(ptr, b, NULL));
	for (unsigned i = 0; i < sizeof len / sizeof *len; i++) {
		cr_expect(eq(u32, batch_piece_bytes(len[i]), takes[i]), "%zu", len[i]);
		cr_assert(batch_has_room_for(b, len[i]));
		cr_expect(eq(ptr, batch_place(b, len[i]), b->chunk->data + at + 16));
		cr_expect(eq(u32, b->segment[i].offset, at));
		cr_expect(eq(uint, b->segment[i].len, len[i]));
		at += takes[i];
	}
	cr_expect(eq(uint, b->len, sizeof len / sizeof *len));
	batch_free(b);
	end_sending();
}

Test(batch_chunks, is_full_when_its_chunk_is_and_with_the_most_packets)
{
	struct batch *b;

	begin_sending(2);
	b = batch_get_for(&sending, FULL);
	for (unsigned i = 0; i < 4; i++) {
		cr_expect(batch_has_room_for(b, FULL));
		batch_place(b, FULL);
	}
	cr_expect(not(batch_has_room_for(b, 1)));
	batch_free(b);
	b = batch_get_for(&sending, 1);
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		cr_assert(batch_has_room_for(b, 1));
		batch_place(b, 1);
	}
	cr_expect(not(batch_has_room_for(b, 1)));
	cr_expect(chunk_has_room(b->chunk, batch_piece_bytes(1)));
	batch_free(b);
	end_sending();
}

/* One after the other gets a packet, as when a round holds packets of several peers. */
Test(batch_chunks, several_are_filled_from_one_chunk_and_share_no_byte)
{
	struct batch *b[COUNT];

	begin_sending(2);
	for (unsigned i = 0; i < COUNT; i++)
		b[i] = batch_get_for(&sending, 100);
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < COUNT; i++)
			memset(batch_place(b[i], 100), (int)(10 * i + k), 100);
	}
	cr_expect(eq(uint, chunk_pool_in_use(&sending.chunks), 1));
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < COUNT; i++) {
			const uint8_t *at = segment_payload(b[i], &b[i]->segment[k]);

			for (unsigned n = 0; n < 100; n++)
				cr_assert(eq(u8, at[n], 10 * i + k));
		}
	}
	for (unsigned i = 0; i < COUNT; i++)
		batch_free(b[i]);
	end_sending();
}

/* What one of several holds keeps the chunk from being used again. */
Test(batch_chunks, bytes_of_one_outlive_the_others)
{
	struct batch *kept, *b;
	uint8_t *at;

	begin_sending(2);
	kept = batch_get_for(&sending, FULL);
	at = batch_place(kept, FULL);
	memset(at, 7, FULL);
	for (unsigned i = 0; i < 20; i++) {
		b = batch_get_for(&sending, FULL);
		cr_assert(ne(ptr, b, NULL));
		memset(batch_place(b, FULL), 9, FULL);
		batch_free(b);
	}
	for (unsigned n = 0; n < FULL; n++)
		cr_assert(eq(u8, at[n], 7));
	batch_free(kept);
	end_sending();
}

Test(batch_chunks, without_bytes_or_without_a_batch_there_is_none)
{
	struct batch *b[COUNT];

	begin_sending(1);
	b[0] = batch_get_for(&sending, FULL);
	while (batch_has_room_for(b[0], FULL))
		batch_place(b[0], FULL);
	cr_expect(not(batch_pool_has_idle(&sending)), "no bytes");
	cr_expect(eq(ptr, batch_get_for(&sending, 1), NULL));
	b[1] = batch_get(&sending);
	cr_expect(ne(ptr, b[1], NULL), "an empty one needs none");
	batch_free(b[0]);
	cr_expect(batch_pool_has_idle(&sending));
	b[0] = batch_get_for(&sending, FULL);
	for (unsigned i = 2; i < COUNT; i++)
		b[i] = batch_get(&sending);
	cr_expect(not(batch_pool_has_idle(&sending)), "no batch");
	cr_expect(eq(ptr, batch_get_for(&sending, 1), NULL));
	for (unsigned i = 0; i < COUNT; i++)
		batch_free(b[i]);
	end_sending();
}

/* Four datagrams of a peer, each full of its number, in a batch to be sent. */
static struct batch *make_four(struct dp_peer *peer)
{
	struct batch *b = batch_get_for(&sending, FULL);

	b->kind = BATCH_SEAL;
	b->peer = dp_peer_get(peer);
	for (unsigned i = 0; i < 4; i++)
		memset(batch_place(b, FULL - i), (int)i, FULL - i);
	return b;
}

Test(batch_chunks, datagrams_of_one_are_borrowed_by_another_and_not_copied)
{
	struct dp_peer *peer = engine_create_peer(&no_engine, NULL);
	struct batch *b, *other;

	begin_sending(1);
	b = make_four(peer);
	memcpy(b->ecn, (uint8_t[]){0, 0, 3, 0}, 4);
	other = batch_borrow(&sending, b, b->peer, 1, 2, 5);
	cr_assert(ne(ptr, other, NULL));
	cr_expect(eq(int, other->kind, BATCH_SEALED));
	cr_expect(eq(uint, other->path_id, 5));
	cr_expect(eq(uint, other->path_mask, 1u << 5));
	cr_assert(eq(uint, other->len, 2));
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(eq(ptr, segment_header(other, &other->segment[i]),
		             segment_header(b, &b->segment[1 + i])));
		cr_expect(eq(uint, other->segment[i].len, FULL - 1 - i));
		cr_expect(eq(u8, other->ecn[i], i == 1 ? 3 : 0));
	}
	cr_expect(eq(uint, b->len, 4));
	cr_expect(eq(uint, reference_count(&peer->references), 3));
	batch_free(other);
	cr_expect(eq(uint, reference_count(&peer->references), 2));
	batch_free(b);
	cr_expect(eq(uint, reference_count(&peer->references), 1));
	end_sending();
	dp_peer_put(peer);
}

/* Also when who borrows has bytes of its own, which it finds again. */
Test(batch_chunks, what_is_borrowed_outlives_whom_it_was_borrowed_from)
{
	struct dp_peer *peer = engine_create_peer(&no_engine, NULL);
	struct batch *b, *last;
	const uint8_t *own, *at;

	b = batch_get(&pool);
	own = b->data;
	batch_free(b);
	begin_sending(2);
	b = make_four(peer);
	last = batch_borrow(&pool, b, b->peer, 3, 1, 0);
	at = segment_payload(last, &last->segment[0]);
	batch_free(b);
	for (unsigned i = 0; i < 20; i++) {
		b = make_four(peer);
		cr_assert(ne(ptr, b, NULL));
		memset(b->data, 9, FULL_PIECE);
		batch_free(b);
	}
	for (unsigned i = 0; i < FULL - 3; i++)
		cr_assert(eq(u8, at[i], 3));
	batch_free(last);
	end_sending();
	b = batch_get(&pool);
	cr_expect(eq(ptr, b->data, own));
	cr_expect(eq(ptr, b->chunk, NULL));
	batch_free(b);
	dp_peer_put(peer);
}

Test(batch_chunks, without_a_batch_nothing_is_borrowed)
{
	struct dp_peer *peer = engine_create_peer(&no_engine, NULL);
	struct batch *taken, *b;

	begin_sending(1);
	b = make_four(peer);
	taken = batch_get(&pool);
	cr_expect(eq(ptr, batch_borrow(&pool, b, b->peer, 0, 4, 0), NULL));
	cr_expect(eq(uint, reference_count(&peer->references), 2));
	batch_free(taken);
	batch_free(b);
	end_sending();
	dp_peer_put(peer);
}

/* One that is going has nothing sent again. */
Test(batch_chunks, for_a_peer_that_is_going_nothing_is_borrowed)
{
	struct dp_peer *peer = engine_create_peer(&no_engine, NULL);
	struct dp_peer *going = engine_create_peer(&no_engine, NULL);
	struct batch *b;

	begin_sending(1);
	b = make_four(peer);
	dp_peer_put(going); /* until this thread is quiescent it is there */
	cr_expect(eq(ptr, batch_borrow(&pool, b, going, 0, 1, 0), NULL));
	batch_free(b);
	b = batch_get(&pool);
	cr_expect(ne(ptr, b, NULL), "the batch for it is home");
	batch_free(b);
	end_sending();
	dp_peer_put(peer);
}

/* ---- what leaves, and what is kept then ---- */

static struct dp_peer *holder;
static struct keypair *kp;

static void begin_keeping(void)
{
	begin_sending(COUNT);
	holder = engine_create_peer(&no_engine, NULL);
	kp = keypair_create(true, 1, 2, 0);
	cr_assert(ne(ptr, kp, NULL));
}

static void end_keeping(void)
{
	cr_expect(eq(uint, free_list_count(&sending.free), sending.fresh), "all are home");
	cr_expect(eq(uint, reference_count(&holder->references), 1));
	cr_expect(eq(uint, reference_count(&kp->references), 1));
	keypair_put(kp);
	dp_peer_put(holder);
	end_sending();
}

/* Ready to be sealed and to leave on the paths of @mask. */
static struct batch *make_leaving(unsigned mask, bool is_kept)
{
	struct batch *b = make_four(holder);

	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->path_mask = (uint16_t)mask;
	b->is_kept = is_kept;
	batch_begin_leaving(b);
	return b;
}

static unsigned at_home(void)
{
	return free_list_count(&sending.free);
}

Test(batch_chunks, what_leaves_on_its_last_path_goes_home)
{
	struct batch *b;

	begin_keeping();
	batch_leave(make_leaving(1u << 3, false));
	cr_expect(eq(uint, at_home(), 1));
	b = make_leaving(7, false);
	batch_leave(b);
	batch_leave(b);
	cr_expect(eq(uint, at_home(), 0));
	cr_expect(eq(ptr, b->peer, holder), "who is at it still needs them");
	cr_expect(eq(ptr, b->keypair, kp));
	batch_leave(b);
	cr_expect(eq(uint, at_home(), 1));
	end_keeping();
}

/* Its bytes stay; whose they were is of no matter any more. */
Test(batch_chunks, what_is_kept_stays_until_it_is_put_and_refers_to_nobody)
{
	struct batch *b;

	begin_keeping();
	b = make_leaving(1, true);
	cr_expect(not(batch_has_left(b)));
	cr_expect(eq(uint, reference_count(&holder->references), 2));
	cr_expect(eq(uint, reference_count(&kp->references), 2));
	batch_leave(b);
	cr_expect(batch_has_left(b));
	cr_expect(eq(uint, reference_count(&holder->references), 1));
	cr_expect(eq(uint, reference_count(&kp->references), 1));
	cr_expect(eq(uint, at_home(), 0));
	cr_expect(eq(uint, chunk_pool_in_use(&sending.chunks), 1));
	for (unsigned i = 0; i < 4; i++)
		cr_expect(eq(u8, *segment_payload(b, &b->segment[i]), i));
	batch_put_kept(b);
	cr_expect(eq(uint, at_home(), 1));
	end_keeping();
}

Test(batch_chunks, what_is_kept_and_leaves_on_several_paths_has_left_on_the_last)
{
	struct batch *b;

	begin_keeping();
	b = make_leaving(7, true);
	for (unsigned i = 0; i < 2; i++) {
		batch_leave(b);
		cr_expect(not(batch_has_left(b)));
		cr_expect(eq(ptr, b->peer, holder), "who is at it still needs them");
		cr_expect(eq(ptr, b->keypair, kp));
	}
	batch_leave(b);
	cr_expect(batch_has_left(b));
	cr_expect(eq(uint, reference_count(&holder->references), 1));
	cr_expect(eq(uint, at_home(), 0));
	batch_put_kept(b);
	cr_expect(eq(uint, at_home(), 1));
	b = make_leaving(7, true);
	batch_leave(b);
	batch_put_kept(b);
	batch_leave(b);
	cr_expect(eq(ptr, b->peer, holder));
	cr_expect(eq(uint, at_home(), 0));
	batch_leave(b);
	cr_expect(eq(uint, at_home(), 1));
	end_keeping();
}

Test(batch_chunks, what_is_put_before_it_left_goes_home_when_it_leaves)
{
	struct batch *b;

	begin_keeping();
	b = make_leaving(1, true);
	batch_put_kept(b);
	cr_expect(eq(uint, at_home(), 0));
	cr_expect(eq(ptr, b->keypair, kp), "it is still to be sealed");
	cr_expect(eq(ptr, b->peer, holder));
	batch_leave(b);
	cr_expect(eq(uint, at_home(), 1));
	end_keeping();
}

Test(batch_chunks, what_was_kept_once_is_not_the_next_time)
{
	struct batch *b;

	begin_keeping();
	b = make_leaving(1, true);
	batch_leave(b);
	batch_put_kept(b);
	for (unsigned i = 0; i < 2; i++) {
		b = batch_get_for(&sending, 1);
		cr_expect(not(b->is_kept));
		batch_free(b);
	}
	end_keeping();
}

/* As a repair does: it leaves by itself, whatever becomes of the one that is kept. */
Test(batch_chunks, what_is_kept_can_be_borrowed_after_it_left)
{
	struct batch *b, *again;

	begin_keeping();
	b = make_leaving(1, true);
	batch_leave(b);
	again = batch_borrow(&pool, b, holder, 2, 1, 4);
	cr_assert(ne(ptr, again, NULL));
	cr_expect(eq(ptr, again->peer, holder));
	cr_expect(eq(ptr, again->keypair, NULL));
	cr_expect(not(again->is_kept));
	batch_begin_leaving(again);
	batch_put_kept(b);
	cr_expect(eq(u8, *segment_payload(again, &again->segment[0]), 2));
	batch_leave(again);
	end_keeping();
}

static struct batch *kept[COUNT];

static void leave_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < COUNT; i++)
		batch_leave(kept[i]);
}

/* One thread sends them while another lets go of them: each goes home once. */
Test(batch_chunks, whoever_is_last_sends_it_home)
{
	begin_keeping();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct thread sender;

		for (unsigned i = 0; i < COUNT; i++)
			kept[i] = make_leaving(1, true);
		cr_assert(eq(int,
		             thread_start(&sender, "sender", THREAD_WORKER, -1, leave_all, NULL),
		             0));
		for (unsigned i = COUNT; i-- > 0;)
			batch_put_kept(kept[i]);
		thread_join(&sender);
		cr_assert(eq(uint, at_home(), COUNT));
	}
	end_keeping();
}

static void wait_for_memory(void *arg)
{
	(void)arg;
	batch_pool_wait(&sending);
}

/* Of batches or of bytes, whichever the owner lacks. */
Test(batch_chunks, owner_who_waits_for_memory_is_woken_by_what_it_lacks)
{
	for (unsigned lacks_bytes = 0; lacks_bytes < 2; lacks_bytes++) {
		struct batch *b[COUNT];
		struct thread owner; /* the pool is its alone meanwhile */
		struct free_list *list = lacks_bytes ? &sending.chunks.free : &sending.free;

		begin_sending(1);
		b[0] = batch_get_for(&sending, FULL);
		while (lacks_bytes && batch_has_room_for(b[0], FULL))
			batch_place(b[0], FULL);
		for (unsigned i = 1; i < COUNT - lacks_bytes; i++)
			b[i] = batch_get(&sending);
		cr_assert(eq(int,
		             thread_start(&owner, "owner", THREAD_RX, -1, wait_for_memory, NULL),
		             0));
		while (!atomic_load(&list->is_waiting))
			sched_yield();
		for (unsigned i = 0; i < COUNT - lacks_bytes; i++)
			batch_free(b[i]);
		thread_join(&owner);
		cr_expect(batch_pool_has_idle(&sending));
		end_sending();
	}
}
