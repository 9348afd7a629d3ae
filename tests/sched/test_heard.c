/* SPDX-License-Identifier: MIT */
#include "sched/heard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define KEY      9u
#define A        0u
#define B        1u
#define BYTES    1400u

static struct sender sender;
static struct path_table table = {
	.mode = BONDING_AGGREGATE,
	.len = 2,
	.slot = {{.path_id = A, .weight = 1}, {.path_id = B, .weight = 1}},
};
static const struct sender_facts facts = {
	.table = &table, .has_session = true, .is_reporting = true, .is_learned = true};
static struct report report;
static uint64_t next_counter = (1ull << 33) - 20; /* the lower half wraps soon */
static uint64_t now_ns = START_NS;

static void begin(void)
{
	sender_init(&sender);
	for (unsigned i = 0; i < 2; i++) {
		struct path_model *m = stripe_model(&sender.stripe, (uint8_t)i);

		path_model_answered(m, 40 * NS_PER_MS, now_ns);
		owd_sample(&m->delay, 20 * (int64_t)NS_PER_MS, true, now_ns);
		capacity_train(&m->capacity, 125000000);
	}
	report = (struct report){.key = KEY, .paths = 2, .path = {{.path_id = A}, {.path_id = B}}};
}

static void end(void)
{
	sender_fini(&sender);
}

TestSuite(heard, .init = begin, .fini = end);

/* A run of @packets over @path, a millisecond after the last. Returns its first counter. */
static uint64_t send(uint8_t path, unsigned packets)
{
	const struct send_numbers numbers = {
		.first = next_counter, .key = KEY, .lane = LANE_ORDERED};
	const struct send_run run = {.path_id = path,
	                             .path_mask = (uint16_t)(1u << path),
	                             .is_ordered = true,
	                             .bytes = packets * BYTES,
	                             .packets = packets};

	now_ns += NS_PER_MS;
	sender_sent(&sender, &facts, &run, &numbers, now_ns);
	next_counter += packets;
	return numbers.first;
}

/* @counter came over @path as the newest. */
static void came(uint8_t path, uint64_t counter)
{
	report.path[path].flags = REPORT_DATA;
	report.path[path].newest = (uint32_t)counter;
	report.path[path].newest_us = (uint32_t)(now_ns / NS_PER_US) + 20000;
}

static bool hear(void)
{
	report.number++;
	report.time_us = (uint32_t)(now_ns / NS_PER_US); /* clocks alike */
	return sender_heard(&sender, &report, now_ns);
}

/* Takes the repairs that wait, as if they were sent. Returns how many; the first in *ret. */
static unsigned repairs(struct send_numbers *ret, uint8_t *ret_path)
{
	struct send_numbers numbers;
	unsigned n = 0;
	uint8_t path;

	while (sender_next_repair(&sender, &facts, now_ns, &numbers, &path)) {
		if (!n++) {
			*ret = numbers;
			*ret_path = path;
		}
		sender_repaired(&sender, path, BYTES, now_ns);
	}
	return n;
}

Test(heard, an_older_report_has_no_effect)
{
	report.number = 10;
	cr_expect(hear());
	report.number = 9;
	cr_expect(not(hear()), "10 again");
	report.number = 3;
	cr_expect(not(hear()));
}

Test(heard, who_numbers_anew_under_another_key_is_in_another_life)
{
	report.number = 1000;
	cr_expect(hear());
	report.key = KEY + 1; /* a change of keys: the numbers go on */
	cr_expect(hear());
	cr_expect(sender.stripe.model[A]->delay.is_known);
	report.number = 0;
	cr_expect(not(hear()));
	report.key = KEY + 2;
	report.number = 0;
	cr_expect(hear());
	cr_expect(not(sender.stripe.model[A]->delay.is_known), "its clock is another");
	cr_expect(not(sender.stripe.model[B]->delay.is_known));
	cr_expect(eq(u32, sender.stripe.report_number, 1));
}

/* So the first data finds all paths known. */
Test(heard, a_path_is_known_from_probes_before_data)
{
	report.paths = 3;
	report.path[2] = (struct report_path){.path_id = 7,
	                                      .flags = REPORT_PROBE,
	                                      .probe_us = (uint32_t)(now_ns / NS_PER_US),
	                                      .probe_came_us = (uint32_t)(now_ns / NS_PER_US) + 9};
	cr_expect(hear());
	cr_assert(ne(ptr, sender.stripe.model[7], NULL));
	cr_expect(sender.stripe.model[7]->delay.is_known);
}

Test(heard, what_arrived_is_acknowledged_across_the_wrap_of_counters)
{
	for (unsigned i = 0; i < 10; i++) {
		uint64_t first = send(A, 4);

		came(A, first + 3);
		hear();
		cr_expect(eq(u64, sender.stripe.model[A]->acked_ns, now_ns), "run %u", i);
	}
}

Test(heard, a_report_about_another_keypair_tells_nothing_of_counters)
{
	came(A, send(A, 4) + 3);
	report.key = KEY + 1;
	hear();
	cr_expect(ne(u64, sender.stripe.model[A]->acked_ns, now_ns));
}

Test(heard, missing_but_nothing_later_came_is_not_lost)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 4), other = send(B, 4);
	uint8_t path;

	came(B, other + 3); /* over the other path, that proves nothing */
	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 4};
	hear();
	cr_expect(eq(u32, repairs(&numbers, &path), 0));
}

Test(heard, missing_and_something_later_came_is_sent_again_elsewhere)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 4), later = send(A, 1);
	uint8_t path;

	came(A, later);
	report.next = first + 1;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 2};
	hear();
	cr_assert(eq(u32, repairs(&numbers, &path), 2));
	cr_expect(eq(u64, numbers.first, first + 1));
	cr_expect(eq(u32, numbers.key, KEY));
	cr_expect(eq(u8, numbers.lane, LANE_ORDERED));
	cr_expect(eq(u8, path, B));
}

Test(heard, a_path_that_reorders_is_given_time)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 1);
	uint8_t path;

	report.path[A].reorder_us = 10000;
	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 1};
	came(A, send(A, 1));
	hear();
	cr_expect(eq(u32, repairs(&numbers, &path), 0), "a millisecond later");
	now_ns += 8 * NS_PER_MS;
	came(A, send(A, 1));
	hear();
	cr_expect(eq(u32, repairs(&numbers, &path), 1));
}

Test(heard, a_repair_is_repeated_once_when_it_must_be_lost_too)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 1);
	unsigned sum = 0, at_once;
	uint8_t path;

	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 1};
	came(A, send(A, 1));
	hear();
	at_once = repairs(&numbers, &path);
	hear();
	at_once += repairs(&numbers, &path);
	cr_expect(eq(u32, at_once, 1), "the first is on its way");
	for (unsigned i = 0; i < 35; i++, now_ns += 10 * NS_PER_MS) {
		hear();
		sum += repairs(&numbers, &path);
	}
	cr_expect(eq(u32, sum, PATIENCE_REPAIRS - 1));
}

/* While it cannot leave, each report asks for it anew. */
Test(heard, a_repeated_repair_waits_once)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 1);
	uint8_t path;

	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 1};
	came(A, send(A, 1));
	hear();
	cr_assert(eq(u32, repairs(&numbers, &path), 1));
	now_ns += 200 * NS_PER_MS;
	for (unsigned i = 0; i < 5; i++, now_ns += 10 * NS_PER_MS)
		hear();
	cr_expect(eq(u32, repairs(&numbers, &path), 1));
}

Test(heard, what_is_too_old_is_not_sent_again)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 1);
	uint8_t path;

	now_ns += SENDLOG_KEPT_NS;
	came(A, send(A, 1));
	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 1};
	hear();
	cr_expect(eq(u32, repairs(&numbers, &path), 0));
}

Test(heard, what_the_caller_has_no_more_is_skipped)
{
	struct send_numbers numbers;
	uint64_t first = send(A, 1);
	uint8_t path;

	came(A, send(A, 1));
	report.next = first;
	report.ranges = 1;
	report.range[0] = (struct report_range){0, 1};
	hear();
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path));
	sender_repaired(&sender, path, 0, now_ns);
	cr_expect(not(sender_next_repair(&sender, &facts, now_ns, &numbers, &path)));
}

Test(heard, what_a_dead_path_did_not_bring_goes_over_another_in_order)
{
	struct send_numbers numbers;
	uint16_t died = 0;
	uint64_t first = send(B, 8), lost = 4;
	uint8_t path;

	came(B, first + 3); /* half of the run */
	hear();
	for (unsigned i = 0; i < 200 && !died; i++) {
		if (i < 20) {
			send(B, 2);
			lost += 2;
		} else {
			now_ns += NS_PER_MS;
		}
		came(A, send(A, 1));
		hear();
		if (i % 5 == 0)
			died = sender_tick(&sender, &facts, now_ns);
	}
	cr_assert(eq(u16, died, 1u << B));
	cr_expect(eq(u32, repairs(&numbers, &path), lost));
	cr_expect(eq(u64, numbers.first, first + 4), "the oldest first");
	cr_expect(eq(u8, path, A));
}

/* The role's time was read before: another thread sent meanwhile. */
Test(heard, what_left_a_moment_after_now_is_sent_again_all_the_same)
{
	uint64_t first = send(B, 4);
	const struct send_numbers left = {.first = first, .key = KEY, .lane = LANE_ORDERED};
	struct send_numbers numbers;
	uint8_t path;

	sender_departed(&sender, B, &left, now_ns + NS_PER_MS);
	sender_path_failed(&sender, B, now_ns);
	cr_expect(eq(u32, repairs(&numbers, &path), 4));
	cr_expect(eq(u64, numbers.first, first));
}

Test(heard, patience_is_of_the_quickest_for_repairs_and_of_the_slowest_for_deaths)
{
	struct patience quick = sender_patience(&sender), slow;

	for (unsigned i = 0; i < 60; i++)
		path_model_answered(sender.stripe.model[B], 120 * NS_PER_MS, now_ns);
	slow = sender_patience(&sender);
	cr_expect(eq(u64, slow.repair_ns, quick.repair_ns));
	cr_expect(ge(u64, slow.death_ns, quick.death_ns + 30 * NS_PER_MS));
	cr_expect(le(u64, slow.death_ns, 200 * NS_PER_MS));
}

/* It left on another thread, whose clock was read after ours. */
Test(heard, what_left_a_moment_ago_by_another_clock_goes_again_as_well)
{
	const struct send_numbers numbers = {.first = send(A, 3), .key = KEY, .lane = LANE_ORDERED};
	struct send_numbers first;
	uint8_t path;

	sender_departed(&sender, A, &numbers, now_ns + 50 * NS_PER_US);
	sender_path_failed(&sender, A, now_ns);
	cr_expect(eq(u32, repairs(&first, &path), 3));
	cr_expect(eq(u64, first.first, numbers.first));
}

Test(heard, what_a_doubted_path_did_not_bring_yet_goes_over_another_once)
{
	struct send_numbers numbers;
	uint64_t first = send(B, 8);
	uint8_t path;

	came(B, first + 3);
	hear();
	now_ns += NS_PER_MS;
	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	cr_expect(eq(u32, repairs(&numbers, &path), 4));
	cr_expect(eq(u64, numbers.first, first + 4));
	cr_expect(eq(u8, path, A));
	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	cr_expect(eq(u32, repairs(&numbers, &path), 0), "they are on their way");
}

Test(heard, of_a_doubted_path_without_another_nothing_goes_again)
{
	struct send_numbers numbers;
	uint8_t path;

	send(A, 4);
	send(B, 4);
	sender_path_doubted(&sender, &facts, A, now_ns, now_ns);
	cr_expect(eq(u32, repairs(&numbers, &path), 4));
	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	cr_expect(eq(u32, repairs(&numbers, &path), 0));
}

Test(heard, a_report_of_what_left_later_ends_the_doubt)
{
	uint64_t first = send(B, 1);

	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	now_ns += NS_PER_MS;
	came(B, first);
	hear();
	cr_expect(eq(u16, sender.stripe.doubted, 0), "it left in that moment");
	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	cr_expect(eq(u16, sender.stripe.doubted, 1u << B));
	now_ns += 2 * NS_PER_MS;
	sender_answered(&sender, B, 3 * NS_PER_MS, now_ns);
	cr_expect(eq(u16, sender.stripe.doubted, 1u << B), "the probe had left before");
	sender_answered(&sender, B, NS_PER_MS, now_ns);
	cr_expect(eq(u16, sender.stripe.doubted, 0));
}

Test(heard, a_path_that_failed_is_not_doubted_when_it_is_back)
{
	send(B, 1);
	sender_path_doubted(&sender, &facts, B, now_ns, now_ns);
	sender_path_failed(&sender, B, now_ns);
	cr_expect(eq(u16, sender.stripe.doubted, 0));
}
