/* SPDX-License-Identifier: MIT */
#include "dataplane/kept.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes_rig.h"
#include "base/rcu.h"
#include "dataplane/batch.h"

enum {
	COUNT = 512,
	CHUNKS = 64,
	LEN = 100,
	STEPS = 20000,
	RUN_MAX = 8,
};

static const uint64_t start_ns = 1000 * NS_PER_S;
static struct batch_pool pool;
static struct kept kept;
static bool is_memory_used_up;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* The linker puts it in the place of the C library's (--wrap). */
void *__wrap_malloc(size_t size)
{
	return is_memory_used_up ? NULL : __real_malloc(size);
}

static void setup(void)
{
	rcu_register_thread();
	cr_assert(eq(int, batch_pool_init_chunks(&pool, COUNT, CHUNKS, 65536, 2048), 0));
}

static unsigned in_flight(void)
{
	return pool.fresh - free_list_count(&pool.free);
}

/* Whatever was kept is home again, and so are its bytes. */
static void teardown(void)
{
	kept_clear(&kept);
	if (in_flight() || chunk_pool_in_use(&pool.chunks))
		abort(); /* what fails in .fini does not count */
	batch_pool_fini(&pool);
	rcu_unregister_thread();
}

TestSuite(kept, .init = setup, .fini = teardown, .timeout = 60);

/* A run of @len packets from @first on is kept, and has not left yet. */
static struct batch *keep(unsigned lane, uint32_t epoch, uint64_t first, unsigned len,
                          uint64_t at_ns)
{
	struct batch *b = batch_get_for(&pool, RUN_MAX * batch_piece_bytes(LEN));
	const struct kept_entry entry = {
		.batch = b, .first = first, .since_ns = at_ns, .epoch = epoch};

	cr_assert(ne(ptr, b, NULL));
	for (unsigned i = 0; i < len; i++)
		memset(batch_place(b, LEN), (int)(first + i), LEN);
	b->kind = BATCH_SEAL;
	b->path_mask = 1;
	b->is_kept = kept_add(&kept, lane, &entry);
	cr_assert(b->is_kept);
	batch_begin_leaving(b);
	return b;
}

/* The same, and it has left. */
static struct batch *keep_sent(unsigned lane, uint32_t epoch, uint64_t first, unsigned len,
                               uint64_t at_ns)
{
	struct batch *b = keep(lane, epoch, first, len, at_ns);

	batch_leave(b);
	return b;
}

static void expect_found(unsigned lane, uint32_t epoch, uint64_t counter, const struct batch *want,
                         unsigned index)
{
	unsigned got = ~0u;

	cr_assert(eq(ptr, (void *)kept_find(&kept, lane, epoch, counter, &got), (void *)want),
	          "lane %u, epoch %u, counter %" PRIu64, lane, epoch, counter);
	cr_expect(eq(uint, got, index));
	cr_expect(eq(u8, *segment_payload(want, &want->segment[got]), (uint8_t)counter));
}

static void expect_none(unsigned lane, uint32_t epoch, uint64_t counter)
{
	unsigned index;

	cr_assert(eq(ptr, (void *)kept_find(&kept, lane, epoch, counter, &index), NULL),
	          "lane %u, epoch %u, counter %" PRIu64, lane, epoch, counter);
}

Test(kept, nothing_is_found_where_nothing_is_kept)
{
	cr_expect(kept_is_empty(&kept));
	expect_none(0, 1, 0);
	kept_expire(&kept, NEVER_NS);
	kept_clear(&kept);
	cr_expect(kept_is_empty(&kept));
}

Test(kept, every_datagram_of_a_run_is_found_by_its_counter)
{
	const struct batch *a = keep_sent(0, 1, 5, 3, start_ns);
	const struct batch *b = keep_sent(0, 1, 8, 1, start_ns);
	const struct batch *c = keep_sent(0, 1, 20, 2, start_ns); /* 9 to 19 were not kept */

	cr_expect(not(kept_is_empty(&kept)));
	expect_none(0, 1, 0);
	expect_none(0, 1, 4);
	for (unsigned i = 0; i < 3; i++)
		expect_found(0, 1, 5 + i, a, i);
	expect_found(0, 1, 8, b, 0);
	expect_none(0, 1, 9);
	expect_none(0, 1, 19);
	expect_found(0, 1, 20, c, 0);
	expect_found(0, 1, 21, c, 1);
	expect_none(0, 1, 22);
	expect_none(0, 1, UINT64_MAX);
}

Test(kept, lanes_have_counters_of_their_own)
{
	const struct batch *unordered = keep_sent(1, 1, 8, 2, start_ns), *ordered;

	cr_expect(not(kept_is_empty(&kept)));
	ordered = keep_sent(0, 1, 7, 2, start_ns);
	expect_found(0, 1, 8, ordered, 1);
	expect_found(1, 1, 8, unordered, 0);
	expect_none(0, 1, 9);
	expect_none(1, 1, 7);
}

/* Another key numbers from 0 on; one that is used again goes on where it was. */
Test(kept, epochs_have_counters_of_their_own)
{
	const struct batch *a = keep_sent(0, 3, 100, 4, start_ns);
	const struct batch *b = keep_sent(0, 4, 0, 4, start_ns);
	const struct batch *c = keep_sent(0, 6, 104, 4, start_ns);

	expect_found(0, 3, 102, a, 2);
	expect_found(0, 4, 2, b, 2);
	expect_found(0, 6, 104, c, 0);
	expect_none(0, 3, 2);
	expect_none(0, 3, 104);
	expect_none(0, 4, 102);
	expect_none(0, 4, 104);
	expect_none(0, 5, 2);
	expect_none(0, 6, 103);
	expect_none(0, 2, 100);
	expect_none(0, 7, 104);
}

/* It is not sealed before. */
Test(kept, what_has_not_left_is_not_found)
{
	struct batch *b = keep(0, 1, 0, 2, start_ns);

	expect_none(0, 1, 0);
	batch_leave(b);
	expect_found(0, 1, 1, b, 1);
}

Test(kept, what_is_old_is_let_go_of_and_the_rest_stays)
{
	const struct batch *c;

	keep_sent(0, 1, 0, 2, start_ns);
	keep_sent(1, 1, 0, 2, start_ns + 1);
	keep_sent(0, 1, 2, 2, start_ns + 1);
	c = keep_sent(0, 1, 4, 2, start_ns + 2);
	kept_expire(&kept, start_ns);
	cr_expect(eq(uint, in_flight(), 4));
	kept_expire(&kept, start_ns + 1);
	cr_expect(eq(uint, in_flight(), 3));
	expect_none(0, 1, 1);
	kept_expire(&kept, start_ns + 2);
	cr_expect(eq(uint, in_flight(), 1));
	expect_none(0, 1, 2);
	expect_none(1, 1, 0);
	expect_found(0, 1, 5, c, 1);
	cr_expect(not(kept_is_empty(&kept)));
	kept_expire(&kept, start_ns + 3);
	cr_expect(kept_is_empty(&kept));
	cr_expect(eq(uint, in_flight(), 0));
}

/* It leaves all the same, and goes home then. */
Test(kept, what_expires_before_it_left_is_not_lost)
{
	struct batch *b = keep(0, 1, 0, 2, start_ns);

	kept_expire(&kept, NEVER_NS);
	cr_expect(kept_is_empty(&kept));
	cr_expect(eq(uint, in_flight(), 1));
	batch_leave(b);
	cr_expect(eq(uint, in_flight(), 0));
}

Test(kept, it_grows_and_keeps_what_it_has_in_order)
{
	static const struct batch *batch[COUNT];
	uint32_t capacity;

	/* Where the oldest lies somewhere in the middle. */
	for (unsigned i = 0; i < 50; i++)
		keep_sent(0, 1, 2 * i, 2, start_ns);
	kept_expire(&kept, start_ns + 1);
	capacity = kept.ring[0].capacity;
	for (unsigned i = 0; i < 300; i++)
		batch[i] = keep_sent(0, 1, 100 + 2 * i, 2, start_ns + i);
	cr_expect(lt(u32, capacity, kept.ring[0].capacity));
	cr_expect(eq(u32, kept.ring[1].capacity, 0));
	for (unsigned i = 0; i < 600; i++)
		expect_found(0, 1, 100 + i, batch[i / 2], i % 2);
	expect_none(0, 1, 99);
	expect_none(0, 1, 700);
	kept_expire(&kept, start_ns + 299);
	cr_expect(eq(uint, in_flight(), 1));
	expect_found(0, 1, 699, batch[299], 1);
}

Test(kept, without_memory_it_is_not_kept_and_nothing_is_lost)
{
	const struct kept_entry entry = {.first = 1000, .since_ns = start_ns, .epoch = 1};
	const struct batch *b;
	unsigned count = 0;

	is_memory_used_up = true;
	cr_expect(not(kept_add(&kept, 0, &entry)));
	cr_expect(kept_is_empty(&kept));
	is_memory_used_up = false;
	b = keep_sent(0, 1, count++, 1, start_ns);
	is_memory_used_up = true;
	while (kept.ring[0].len < kept.ring[0].capacity)
		keep_sent(0, 1, count++, 1, start_ns);
	cr_expect(not(kept_add(&kept, 0, &entry)));
	cr_expect(eq(u32, kept.ring[0].len, count));
	expect_found(0, 1, 0, b, 0);
	kept_expire(&kept, start_ns + 1);
	b = keep_sent(0, 1, count, 1, start_ns); /* there is room again */
	expect_found(0, 1, count, b, 0);
	is_memory_used_up = false;
}

Test(kept, clear_lets_go_of_all_and_of_its_own_memory)
{
	struct batch *b;

	for (unsigned i = 0; i < 100; i++)
		keep_sent(i % 2, 1, i, 1, start_ns + i);
	b = keep(0, 1, 100, 1, NEVER_NS - 1);
	kept_clear(&kept);
	cr_expect(kept_is_empty(&kept));
	for (unsigned lane = 0; lane < SENDLOG_LANES; lane++)
		cr_expect(eq(ptr, kept.ring[lane].entry, NULL));
	cr_expect(eq(uint, in_flight(), 1));
	batch_leave(b);
	b = keep_sent(1, 2, 0, 1, start_ns);
	expect_found(1, 2, 0, b, 0);
}

/* ---- against the obvious ---- */

struct run {
	const struct batch *batch;
	uint64_t first, since_ns;
	uint32_t epoch;
	unsigned lane, len;
};

static struct run run[COUNT];
static unsigned runs;

/* What a search of all says; NULL: none. */
static const struct run *plain_find(unsigned lane, uint32_t epoch, uint64_t counter)
{
	for (unsigned i = 0; i < runs; i++) {
		const struct run *r = &run[i];

		if (r->lane == lane && r->epoch == epoch && counter >= r->first &&
		    counter < r->first + r->len)
			return r;
	}
	return NULL;
}

static void plain_expire(uint64_t before_ns)
{
	unsigned left = 0;

	for (unsigned i = 0; i < runs; i++) {
		if (run[i].since_ns >= before_ns)
			run[left++] = run[i];
	}
	runs = left;
}

Test(kept, random_doings_agree_with_a_plain_list)
{
	struct test_random random = test_random_seeded("kept");
	uint64_t now_ns = start_ns, next[SENDLOG_LANES] = {0};
	uint32_t epoch = 1;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned what = (unsigned)(test_random_next(&random) % 100);
		unsigned lane = (unsigned)(test_random_next(&random) % SENDLOG_LANES);
		uint64_t counter = test_random_next(&random) % (next[lane] + 10);
		uint32_t of = epoch - (uint32_t)(test_random_next(&random) % 2);
		const struct run *r = plain_find(lane, of, counter);

		if (r)
			expect_found(lane, of, counter, r->batch, (unsigned)(counter - r->first));
		else
			expect_none(lane, of, counter);
		if (what == 0) {
			epoch++;
			next[0] = next[1] = 0;
		} else if (what < 10 || runs == COUNT / 2) {
			uint64_t before_ns = now_ns - test_random_next(&random) % 100;

			kept_expire(&kept, before_ns);
			plain_expire(before_ns);
		} else {
			unsigned len = 1 + (unsigned)(test_random_next(&random) % RUN_MAX);

			now_ns++;
			next[lane] += test_random_next(&random) % 3; /* others were not kept */
			run[runs++] = (struct run){
				.batch = keep_sent(lane, epoch, next[lane], len, now_ns),
				.first = next[lane],
				.since_ns = now_ns,
				.epoch = epoch,
				.lane = lane,
				.len = len};
			next[lane] += len;
		}
		cr_assert(eq(uint, in_flight(), runs));
	}
}
