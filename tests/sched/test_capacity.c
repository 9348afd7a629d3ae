/* SPDX-License-Identifier: MIT */
#include "sched/capacity.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MBPS(n)   ((uint64_t)(n)*125000)
#define TARGET_NS (2 * NS_PER_MS)
#define LOOP_NS   (30 * NS_PER_MS)

static struct capacity capacity;

static void begin(void)
{
	capacity_init(&capacity);
}

TestSuite(capacity, .init = begin);

/* A window of 60 ms in which @mbps arrived of @sent_mbps. */
static void window(uint64_t mbps, uint64_t sent_mbps, uint64_t queue_ms, bool is_loaded)
{
	struct capacity_sample sample = {.span_ns = 10 * NS_PER_MS,
	                                 .delivered = MBPS(mbps) / 100,
	                                 .sent = MBPS(sent_mbps) / 100,
	                                 .queue_ns = queue_ms * NS_PER_MS,
	                                 .is_loaded = is_loaded};

	while (capacity_sample(&capacity, &sample, TARGET_NS, LOOP_NS) == CAPACITY_OPEN)
		;
}

static void windows(unsigned n, uint64_t mbps, uint64_t queue_ms, bool is_loaded)
{
	while (n--)
		window(mbps, mbps, queue_ms, is_loaded);
}

Test(capacity, a_cost_is_bytes_by_rate)
{
	capacity_train(&capacity, MBPS(100) * 10 / 9);
	cr_expect(ge(u64, capacity_cost_ns(&capacity, 1250), 99 * NS_PER_US));
	cr_expect(le(u64, capacity_cost_ns(&capacity, 1250), 101 * NS_PER_US));
	cr_expect(ge(u64, capacity_bytes(&capacity, NS_PER_MS), 12490));
	cr_expect(le(u64, capacity_bytes(&capacity, NS_PER_MS), 12510));
}

Test(capacity, under_a_standing_queue_it_becomes_what_arrives)
{
	capacity_train(&capacity, MBPS(200));
	windows(6, 50, 20, true);
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(52)));
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(50)));
}

Test(capacity, a_rate_step_is_learned_within_a_second_down_and_three_up)
{
	capacity_train(&capacity, MBPS(50));
	windows(8, 50, 10, true);
	windows(16, 10, 30, true); /* 0.96 s */
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(11)));
	/* What arrives is what is sent, at the estimate: no queue. */
	for (unsigned i = 0; i < 50; i++)
		windows(1,
		        capacity.bytes_per_s / 125000 < 50 ? capacity.bytes_per_s / 125000 + 1 : 50,
		        0, true);
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(43)));
}

Test(capacity, limit_bounds_it_and_is_known_at_once)
{
	capacity_set_limit(&capacity, 500000);
	cr_expect(eq(u64, capacity.bytes_per_s, 500000));
	cr_expect(capacity.is_known, "there is nothing more to find out");
	capacity_train(&capacity, 12500000);
	cr_expect(eq(u64, capacity.bytes_per_s, 500000));
	windows(50, 4, 0, true);
	cr_expect(le(u64, capacity.bytes_per_s, 500000));
	cr_expect(le(u64, capacity.most_bytes_per_s, 500000));
}

Test(capacity, more_is_found_out_when_a_limit_is_lifted)
{
	capacity_set_limit(&capacity, 500000);
	capacity_set_limit(&capacity, 0);
	capacity_train(&capacity, 12500000);
	cr_expect(lt(u64, 10000000, capacity.bytes_per_s));
}

Test(capacity, limit_above_what_it_carries_changes_nothing)
{
	capacity_train(&capacity, 1250000);
	capacity_set_limit(&capacity, 12500000);
	cr_expect(eq(u64, capacity.bytes_per_s, 1125000));
}

Test(capacity, does_not_fall_without_a_queue)
{
	capacity_train(&capacity, MBPS(1000) * 10 / 9);
	windows(100, 3, 0, false);
	windows(100, 3, 0, true);
	windows(100, 3, 30, false); /* somebody else's queue, we send little */
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(999)));
}

/* What the way back of a cell is thought to carry sets what is sent over it. */
Test(capacity, a_thin_path_is_known_as_thin)
{
	const struct capacity_sample sample = {.span_ns = 20 * NS_PER_MS,
	                                       .delivered = 750, /* 300 kbit/s */
	                                       .sent = 750,
	                                       .queue_ns = 100 * NS_PER_MS,
	                                       .is_loaded = true};

	for (unsigned i = 0; i < 200; i++)
		capacity_sample(&capacity, &sample, TARGET_NS, LOOP_NS);
	cr_expect(le(u64, capacity.bytes_per_s, 39000));
	cr_expect(ge(u64, capacity.bytes_per_s, 37500));
	cr_expect(ge(u64, capacity_cost_ns(&capacity, 375), 9 * NS_PER_MS));
}

/* Thought too fast, its queue seems gone while it stands, so no window seems loaded. */
Test(capacity, falls_under_a_long_queue_where_most_of_it_is_used)
{
	capacity_train(&capacity, MBPS(118) * 10 / 9);
	windows(4, 100, 10, false);
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(101)));
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(100)));
}

/* @bursts of 60 ms under a queue that grows, with pauses between them. */
static void bursts(unsigned n, uint64_t mbps)
{
	for (; n--; capacity_restart(&capacity)) {
		for (unsigned i = 0; i < 6; i++)
			capacity_sample(&capacity,
			                &(struct capacity_sample){
						.span_ns = 10 * NS_PER_MS,
						.delivered = MBPS(mbps) / 100,
						.sent = MBPS(mbps) / 100,
						.queue_ns = (5 + 12 * i) * NS_PER_MS},
			                TARGET_NS, LOOP_NS);
	}
}

Test(capacity, falls_to_what_came_while_the_bottleneck_never_rested)
{
	capacity_train(&capacity, MBPS(50));
	bursts(4, 10);
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(12)));
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(10)));
}

Test(capacity, a_way_that_became_longer_is_no_queue)
{
	capacity_train(&capacity, MBPS(50));
	windows(50, 10, 25, false);
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(44)));
}

Test(capacity, keeps_what_it_was_under_a_short_queue_that_is_not_loaded)
{
	capacity_train(&capacity, MBPS(118) * 10 / 9);
	windows(4, 100, 4, false);
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(117)));
}

Test(capacity, whatever_arrived_can_be_carried)
{
	windows(1, 400, 0, false);
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(399)));
}

Test(capacity, grows_faster_the_longer_no_queue_is_met)
{
	capacity_train(&capacity, MBPS(100));
	windows(1, 90, 0, true);
	uint64_t first = capacity.bytes_per_s - MBPS(90);
	uint64_t before = 0;
	for (unsigned i = 0; i < 5; i++) {
		before = capacity.bytes_per_s;
		windows(1, before / 125000, 0, true);
	}
	cr_expect(lt(u64, 3 * first, capacity.bytes_per_s - before));
}

Test(capacity, is_not_probed_beyond_a_quarter_above_what_arrives)
{
	capacity_train(&capacity, MBPS(100));
	windows(50, 100, 0, true);
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(126)));
}

Test(capacity, doubles_while_nothing_is_known)
{
	cr_assert(not(capacity.is_known));
	for (unsigned i = 0; i < 5; i++)
		windows(1, capacity.bytes_per_s / 125000, 0, true);
	cr_expect(ge(u64, capacity.bytes_per_s, 25 * CAPACITY_FIRST_BPS));
	windows(1, 300, 20, true);
	cr_expect(capacity.is_known);
}

Test(capacity, losses_behind_the_bottleneck_do_not_lower_it)
{
	capacity_train(&capacity, MBPS(100) * 10 / 9);
	for (unsigned i = 0; i < 200; i++)
		window(96, 100, 2, true); /* a short queue, 4 % lost */
	cr_expect(ge(u64, capacity.bytes_per_s, MBPS(99)));
}

Test(capacity, losses_in_a_queue_do)
{
	capacity_train(&capacity, MBPS(100) * 10 / 9);
	for (unsigned i = 0; i < 20; i++)
		window(60, 100, 30, true);
	cr_expect(le(u64, capacity.bytes_per_s, MBPS(61)));
}

Test(capacity, an_idle_path_keeps_what_it_knew)
{
	capacity_train(&capacity, MBPS(70));
	uint64_t before = capacity.bytes_per_s;
	capacity_restart(&capacity);
	cr_expect(eq(u64, capacity.bytes_per_s, before));
}

Test(capacity, the_most_it_was_fades)
{
	capacity_train(&capacity, MBPS(100) * 10 / 9);
	windows(20, 20, 30, true);
	cr_expect(ge(u64, capacity.most_bytes_per_s, MBPS(95)), "a second later");
	windows(16000, 20, 30, true);
	cr_expect(le(u64, capacity.most_bytes_per_s, MBPS(30)));
}
