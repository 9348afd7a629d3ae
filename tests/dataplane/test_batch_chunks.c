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
	FULL = 1420,
	FULL_PIECE = 1472, /* with 32 bytes of overhead and 4 of padding, in cache lines */
};

static struct batch_pool pool; /* of somebody else, with bytes of their own */

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
	static struct engine engine = {.set.tun.queues = 1};
	struct dp_peer *peer = engine_create_peer(&engine, NULL);
	struct batch *b, *other;

	begin_sending(1);
	b = make_four(peer);
	other = batch_borrow(&sending, b, 1, 2, 5);
	cr_assert(ne(ptr, other, NULL));
	cr_expect(eq(int, other->kind, BATCH_SEALED));
	cr_expect(eq(uint, other->path_id, 5));
	cr_expect(eq(uint, other->path_mask, 1u << 5));
	cr_assert(eq(uint, other->len, 2));
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(eq(ptr, segment_header(other, &other->segment[i]),
		             segment_header(b, &b->segment[1 + i])));
		cr_expect(eq(uint, other->segment[i].len, FULL - 1 - i));
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
	static struct engine engine = {.set.tun.queues = 1};
	struct dp_peer *peer = engine_create_peer(&engine, NULL);
	struct batch *b, *last;
	const uint8_t *own, *at;

	b = batch_get(&pool);
	own = b->data;
	batch_free(b);
	begin_sending(2);
	b = make_four(peer);
	last = batch_borrow(&pool, b, 3, 1, 0);
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
	static struct engine engine = {.set.tun.queues = 1};
	struct dp_peer *peer = engine_create_peer(&engine, NULL);
	struct batch *taken, *b;

	begin_sending(1);
	b = make_four(peer);
	taken = batch_get(&pool);
	cr_expect(eq(ptr, batch_borrow(&pool, b, 0, 4, 0), NULL));
	cr_expect(eq(uint, reference_count(&peer->references), 2));
	batch_free(taken);
	batch_free(b);
	end_sending();
	dp_peer_put(peer);
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
