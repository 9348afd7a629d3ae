/* SPDX-License-Identifier: MIT */
#include "sched/duplicate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#define START_NS (1000 * NS_PER_S)
#define VOICE    200u
#define FLOW     7u
#define PATHS    3u

static struct duplicate *d;
static struct path_model model[PATHS];
static struct pull_path path[PATHS];
static uint64_t now_ns;
static unsigned to;

static void know(unsigned slot, uint64_t mbps, int64_t delay_ms)
{
	path_model_init(&model[slot]);
	path[slot] = (struct pull_path){
		.model = &model[slot], .weight = 1, .path_id = (uint8_t)(slot + 4)};
	path_model_answered(&model[slot], (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&model[slot].delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&model[slot].capacity, mbps * 125000 * 10 / 9);
}

static void begin(void)
{
	now_ns = START_NS;
	know(0, 100, 10);
	know(1, 100, 18);
	know(2, 100, 60);
}

static void end(void)
{
	free(d);
	d = NULL;
}

TestSuite(duplicate, .init = begin, .fini = end);

static enum duplicate_way choose_among(unsigned len)
{
	const struct duplicate_packet packet = {.flow = FLOW, .bytes = VOICE};

	return duplicate_choose(&d, path, len, 0, &packet, now_ns, &to);
}

static enum duplicate_way choose(void)
{
	return choose_among(PATHS);
}

Test(duplicate, a_path_that_loses_nothing_gets_no_copies_and_no_memory)
{
	cr_expect(eq(int, choose(), DUPLICATE_NOT));
	model[1].loss_ppm = 100000;
	cr_expect(eq(int, choose(), DUPLICATE_NOT), "it is not the chosen one that loses");
	cr_expect(eq(ptr, d, NULL));
	cr_expect(eq(u64, duplicate_due_ns(d), NEVER_NS));
	cr_expect(not(duplicate_is_lossy(d, 4)));
}

Test(duplicate, a_copy_goes_beside_where_it_comes_in_time)
{
	model[0].loss_ppm = 10000;
	cr_assert(eq(int, choose(), DUPLICATE_BESIDE));
	cr_expect(eq(u32, to, 1));
	cr_expect(duplicate_is_lossy(d, path[0].path_id));
}

Test(duplicate, of_several_the_quickest_carries_it)
{
	know(2, 100, 15);
	model[0].loss_ppm = 10000;
	cr_assert(eq(int, choose(), DUPLICATE_BESIDE));
	cr_expect(eq(u32, to, 2));
}

Test(duplicate, a_queue_makes_a_path_too_late)
{
	model[0].loss_ppm = 10000;
	path_model_sent(&model[1], 40000, 30, now_ns); /* 3 ms of it */
	cr_expect(eq(int, choose(), DUPLICATE_LATER));
}

Test(duplicate, a_copy_goes_later_over_the_same_path_where_no_other_is_near)
{
	model[0].loss_ppm = 10000;
	path[1].is_suspect = true;
	cr_assert(eq(int, choose(), DUPLICATE_LATER));
	cr_expect(eq(u32, to, 0));
	cr_expect(eq(int, choose_among(1), DUPLICATE_LATER), "there is no other at all");
}

Test(duplicate, a_suspect_path_carries_no_copy)
{
	model[0].loss_ppm = 10000;
	path[0].is_suspect = path[1].is_suspect = true;
	cr_expect(eq(int, choose(), DUPLICATE_NOT));
}

Test(duplicate, what_is_to_be_doubled_leaves_over_the_two_best_whatever_they_lose)
{
	const struct duplicate_packet packet = {.flow = FLOW, .bytes = VOICE, .is_doubled = true};

	cr_expect(eq(int, duplicate_choose(&d, path, PATHS, 0, &packet, now_ns, &to),
	             DUPLICATE_BESIDE));
	cr_expect(eq(u32, to, 1));
	path[1].is_suspect = true;
	cr_expect(eq(int, duplicate_choose(&d, path, PATHS, 0, &packet, now_ns, &to),
	             DUPLICATE_BESIDE));
	cr_expect(eq(u32, to, 2), "50 ms later");
	cr_expect(eq(int, duplicate_choose(&d, path, 1, 0, &packet, now_ns, &to), DUPLICATE_NOT));
	model[0].loss_ppm = 10000;
	cr_expect(eq(int, duplicate_choose(&d, path, 1, 0, &packet, now_ns, &to), DUPLICATE_LATER));
}

Test(duplicate, it_begins_and_ends_at_two_thresholds)
{
	model[0].loss_ppm = DUPLICATE_LOSS_PPM;
	cr_expect(eq(int, choose(), DUPLICATE_NOT));
	model[0].loss_ppm = DUPLICATE_LOSS_PPM + 1;
	cr_expect(ne(int, choose(), DUPLICATE_NOT));
	model[0].loss_ppm = DUPLICATE_CLEAN_PPM;
	cr_expect(ne(int, choose(), DUPLICATE_NOT));
	model[0].loss_ppm = DUPLICATE_CLEAN_PPM - 1;
	cr_expect(eq(int, choose(), DUPLICATE_NOT));
	model[0].loss_ppm = DUPLICATE_LOSS_PPM;
	cr_expect(eq(int, choose(), DUPLICATE_NOT));
}

static unsigned slot_of_copy(enum duplicate_way way)
{
	return way == DUPLICATE_BESIDE ? 1 : 0;
}

/* Bytes of copies in @seconds of a stream of @packet bytes each millisecond; *@ret_later: of them
 * over the same path.
 */
static uint64_t copied(unsigned seconds, uint32_t packet, unsigned flows, uint64_t *ret_later)
{
	uint64_t bytes = 0;

	*ret_later = 0;
	for (unsigned ms = 0; ms < seconds * 1000; ms++) {
		const struct duplicate_packet one = {.flow = ms % flows, .bytes = packet};
		enum duplicate_way way = duplicate_choose(&d, path, PATHS, 0, &one, now_ns, &to);
		unsigned slot = slot_of_copy(way);

		now_ns += NS_PER_MS;
		if (way == DUPLICATE_NOT)
			continue;
		duplicate_charge(d, path[slot].path_id, &model[slot], one.flow, packet, now_ns);
		bytes += packet;
		*ret_later += way == DUPLICATE_LATER ? packet : 0;
	}
	return bytes;
}

Test(duplicate, a_flow_has_a_budget)
{
	uint64_t later;

	model[0].loss_ppm = 10000;
	uint64_t bytes = copied(10, 200, 1, &later);
	cr_expect(le(u64, bytes, 10 * DUPLICATE_FLOW_BPS + DUPLICATE_FLOW_BPS / 2));
	cr_expect(ge(u64, bytes, 10 * DUPLICATE_FLOW_BPS - DUPLICATE_FLOW_BPS / 2));
}

Test(duplicate, a_stream_below_the_budget_is_copied_whole)
{
	uint64_t later;

	model[0].loss_ppm = 10000;
	cr_expect(eq(u64, copied(10, 15, 1, &later), 10 * 1000 * 15));
	cr_expect(eq(u64, later, 0));
}

Test(duplicate, a_path_has_a_budget_and_then_the_other_way_is_taken)
{
	uint64_t later, bytes;

	know(1, 2, 18); /* a twentieth is 12,500 bytes per second */
	model[0].loss_ppm = 10000;
	bytes = copied(10, 36, 100, &later) - later;
	cr_expect(le(u64, bytes, 10 * 12500 + 12500), "with %u bytes of headers each",
	          PATH_OVERHEAD);
	cr_expect(ge(u64, bytes, 10 * 12500 * 36 / (36 + PATH_OVERHEAD) - 12500));
	cr_expect(gt(u64, later, bytes), "the path itself has more");
}

Test(duplicate, copies_wait_in_their_order_and_a_full_list_loses_the_newest)
{
	model[0].loss_ppm = 10000;
	choose();
	for (unsigned i = 0; i < DUPLICATE_WAITING_MAX + 1; i++) {
		const struct duplicate_copy copy = {
			.counter = i, .due_ns = now_ns + i, .key = 3, .path_id = 4};

		duplicate_later(d, &copy);
	}
	for (unsigned i = 0; i < DUPLICATE_WAITING_MAX; i++) {
		cr_assert(eq(u64, duplicate_due_ns(d), now_ns + i));
		cr_expect(eq(u64, duplicate_take(d).counter, i));
	}
	cr_expect(eq(u64, duplicate_due_ns(d), NEVER_NS));
}

Test(duplicate, forgotten_copies_are_not_due)
{
	const struct duplicate_copy copy = {.counter = 1, .due_ns = now_ns};

	model[0].loss_ppm = 10000;
	choose();
	duplicate_later(d, &copy);
	duplicate_forget(d);
	cr_expect(eq(u64, duplicate_due_ns(d), NEVER_NS));
}
