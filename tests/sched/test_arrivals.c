/* SPDX-License-Identifier: MIT */
#include "sched/arrivals.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#include "sched/path_model.h"

#define START_NS (1000 * NS_PER_S)
#define KEY      77u

static struct arrivals arrivals;
static struct reseq order;
static struct report report;

static void begin(void)
{
	arrivals_begin(&arrivals, KEY);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		arrivals_name(&arrivals, i, (uint8_t)i);
}

TestSuite(arrivals, .init = begin);

static void come(unsigned path, uint64_t counter, uint64_t at_ms)
{
	arrivals_data(&arrivals, path, LANE_ORDERED, counter, 1000, START_NS + at_ms * NS_PER_MS);
}

/* It came, and has its place in the order. */
static void order_put(uint64_t counter)
{
	uint16_t ticket;

	if (reseq_arrived(&order, counter, 0, START_NS) == RESEQ_HOLD)
		reseq_hold(&order, counter, 0, 0, START_NS);
	while (order.held && order.first_held == order.next)
		reseq_take(&order, START_NS, &ticket);
}

static void make_report(void)
{
	arrivals_report(&arrivals, &order, 0, START_NS + NS_PER_S, &report);
}

Test(arrivals, tells_of_each_path_what_came_over_it)
{
	come(2, 10, 1);
	come(2, 12, 3);
	come(5, 11, 4);
	make_report();
	cr_assert(eq(u32, report.paths, 2));
	cr_expect(eq(u32, report.key, KEY));
	cr_expect(eq(u8, report.path[0].path_id, 2));
	cr_expect(eq(u32, report.path[0].newest, 12));
	cr_expect(eq(u32, report.path[0].newest_us,
	             (uint32_t)((START_NS + 3 * NS_PER_MS) / NS_PER_US)));
	cr_expect(eq(u32, report.path[0].packets, 2));
	cr_expect(eq(u32, report.path[0].bytes, 2000));
	cr_expect(eq(u8, report.path[1].path_id, 5));
	cr_expect(eq(u32, report.path[1].newest, 11));
}

Test(arrivals, numbers_of_reports_rise)
{
	make_report();
	uint32_t first = report.number;
	make_report();
	cr_expect(report_is_newer(report.number, first));
}

Test(arrivals, counts_are_those_up_to_the_newest)
{
	come(0, 10, 1);
	come(0, 8, 2); /* a repair: behind the newest */
	make_report();
	cr_expect(eq(u32, report.path[0].packets, 1));
	come(0, 11, 3);
	make_report();
	cr_expect(eq(u32, report.path[0].packets, 3), "it counts with the next one");
	cr_expect(eq(u32, report.path[0].newest, 11));
}

Test(arrivals, the_newest_may_be_in_either_lane)
{
	come(0, 10, 1);
	arrivals_data(&arrivals, 0, LANE_UNORDERED, 3, 100, START_NS + 2 * NS_PER_MS);
	make_report();
	cr_expect(eq(u32, report.path[0].newest, 3));
	cr_expect(eq(u8, report.path[0].flags & REPORT_UNORDERED, REPORT_UNORDERED));
	come(0, 11, 3);
	make_report();
	cr_expect(eq(u32, report.path[0].newest, 11));
	cr_expect(eq(u8, report.path[0].flags & REPORT_UNORDERED, 0));
	cr_expect(eq(u32, report.path[0].packets, 3));
}

Test(arrivals, reordering_is_how_long_ago_it_was_overtaken)
{
	come(0, 1, 0);
	come(0, 3, 10);
	come(0, 4, 12);
	come(0, 2, 17);
	arrivals_report(&arrivals, &order, 0, START_NS + 18 * NS_PER_MS, &report);
	cr_expect(eq(u32, report.path[0].reorder_us, 7000));
}

Test(arrivals, over_another_path_it_was_not_overtaken)
{
	come(0, 3, 10);
	come(1, 2, 17);
	make_report();
	cr_expect(eq(u32, report.path[0].reorder_us, 0));
	cr_expect(eq(u32, report.path[1].reorder_us, 0));
}

Test(arrivals, what_was_asked_for_is_a_repair)
{
	order_put(0);
	order_put(1);
	order_put(3);
	come(0, 1, 0);
	come(0, 3, 10);
	make_report();
	cr_assert(eq(u32, report.ranges, 1));
	come(0, 2, 60);
	make_report();
	cr_expect(eq(u32, report.path[0].reorder_us, 0));
}

Test(arrivals, reordering_is_forgotten)
{
	come(0, 3, 10);
	come(0, 2, 30);
	for (uint64_t ms = 100; ms < 20000; ms += 100)
		come(0, 3 + ms, ms);
	make_report();
	cr_expect(lt(u32, report.path[0].reorder_us, 100));
}

Test(arrivals, missing_are_the_gaps_below_what_is_held)
{
	for (uint64_t n = 0; n < 1000; n++) {
		if (n % 100 != 50 && (n < 300 || n >= 700))
			order_put(n);
	}
	make_report();
	cr_expect(eq(u64, report.next, 50));
	cr_assert(eq(u32, report.ranges, 3 + 2 + 3), "a range has 255 counters at most");
	cr_expect(eq(u32, report.range[0].offset, 0));
	cr_expect(eq(u32, report.range[0].len, 1));
	cr_expect(eq(u32, report.range[3].offset, 250));
	cr_expect(eq(u32, report.range[3].len, 255));
	cr_expect(eq(u32, report.range[4].len, 145));
}

Test(arrivals, nothing_is_missing_behind_the_last)
{
	for (uint64_t n = 0; n < 20; n++)
		order_put(n);
	make_report();
	cr_expect(eq(u64, report.next, 20));
	cr_expect(eq(u32, report.ranges, 0));
}

Test(arrivals, with_more_gaps_than_there_is_room_for_the_lowest_are_told)
{
	for (uint64_t n = 0; n < 400; n += 2)
		order_put(n);
	make_report();
	cr_expect(eq(u32, report.ranges, REPORT_RANGES_MAX));
	cr_expect(eq(u32, report.range[REPORT_RANGES_MAX - 1].offset, 2 * (REPORT_RANGES_MAX - 1)));
}

Test(arrivals, under_another_keypair_counters_begin_anew)
{
	come(0, 1000000, 1);
	arrivals_begin(&arrivals, KEY + 1);
	make_report();
	cr_expect(eq(u8, report.path[0].flags & REPORT_DATA, 0), "nothing of it yet");
	come(0, 4, 2);
	arrivals_old(&arrivals, 0, 500);
	come(0, 5, 3);
	make_report();
	cr_expect(eq(u32, report.key, KEY + 1));
	cr_expect(eq(u32, report.path[0].newest, 5));
	cr_expect(eq(u32, report.path[0].packets, 4), "those of older ones count");
}

Test(arrivals, of_probes_the_one_sent_last)
{
	arrivals_probe(&arrivals, 1, UINT32_MAX - 5, START_NS);
	arrivals_probe(&arrivals, 1, 10, START_NS + NS_PER_MS);
	arrivals_probe(&arrivals, 1, UINT32_MAX, START_NS + 2 * NS_PER_MS);
	make_report();
	cr_assert(eq(u32, report.paths, 1));
	cr_expect(eq(u8, report.path[0].flags, REPORT_PROBE));
	cr_expect(eq(u32, report.path[0].probe_us, 10));
}

Test(arrivals, a_train_tells_a_rate)
{
	for (unsigned i = 0; i < TRAIN_LENGTH; i++) /* 1250 bytes in 100 us */
		arrivals_train(&arrivals, 0, 1250, START_NS + i * 100 * NS_PER_US);
	make_report();
	cr_expect(eq(u32, report.path[0].train_kbps, 100000));
}

/* Each 100 us 1250 bytes, of which a fifth is data. */
Test(arrivals, data_between_a_train_counts)
{
	for (unsigned i = 0; i < TRAIN_LENGTH; i++) {
		if (i % 5 == 4)
			arrivals_data(&arrivals, 0, 0, i, 1250 - PATH_OVERHEAD,
			              START_NS + i * 100 * NS_PER_US);
		else
			arrivals_train(&arrivals, 0, 1250, START_NS + i * 100 * NS_PER_US);
	}
	make_report();
	cr_expect(le(u32, report.path[0].train_kbps, 103000));
	cr_expect(ge(u32, report.path[0].train_kbps, 97000));
}

/* Its sender was held up in the middle of it, not the line. */
Test(arrivals, a_pause_in_a_train_tells_nothing)
{
	static const unsigned pauses[] = {TRAIN_LEAD, 20, TRAIN_LENGTH - 1};

	for (unsigned n = 0; n < sizeof pauses / sizeof *pauses; n++) {
		uint64_t at_ns = START_NS + n * 2 * NS_PER_S;

		for (unsigned i = 0; i < TRAIN_LENGTH; i++, at_ns += 100 * NS_PER_US) {
			at_ns += i == pauses[n] ? 30 * NS_PER_MS : 0;
			arrivals_train(&arrivals, 0, 1250, at_ns);
		}
		make_report();
		cr_expect(eq(u32, report.path[0].train_kbps, 100000), "%u", pauses[n]);
	}
}

Test(arrivals, a_few_of_a_train_tell_nothing)
{
	for (unsigned i = 0; i < TRAIN_MEASURED - 1; i++)
		arrivals_train(&arrivals, 0, 1250, START_NS + i * 100 * NS_PER_US);
	make_report();
	cr_expect(eq(u32, report.path[0].train_kbps, 0));
}

/* The kernel joined them, or something had saved up for them. */
Test(arrivals, a_train_that_came_at_once_tells_nothing)
{
	for (unsigned i = 0; i < TRAIN_LENGTH; i++)
		arrivals_train(&arrivals, 0, 1250, START_NS);
	make_report();
	cr_expect(eq(u32, report.path[0].train_kbps, 0));
	for (unsigned i = 0; i < TRAIN_LENGTH; i++)
		arrivals_train(&arrivals, 0, 1250, START_NS + 2 * NS_PER_S + i * 100);
	make_report();
	cr_expect(eq(u32, report.path[0].train_kbps, 0));
}

/* A sender that knows nothing yet waits for these. */
Test(arrivals, first_probe_and_a_whole_train_are_told_soon)
{
	arrivals_probe(&arrivals, 0, 1, START_NS);
	make_report();
	arrivals_probe(&arrivals, 0, 2, START_NS + NS_PER_MS);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), arrivals.reported_ns + ARRIVALS_PROBE_NS));
	arrivals_probe(&arrivals, 1, 3, START_NS + NS_PER_MS);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), arrivals.reported_ns + ARRIVALS_FIRST_NS));
	make_report();
	for (unsigned i = 0; i < TRAIN_LENGTH - 1; i++)
		arrivals_train(&arrivals, 0, 1250, START_NS + i * 100 * NS_PER_US);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), arrivals.reported_ns + ARRIVALS_PROBE_NS));
	arrivals_train(&arrivals, 0, 1250, START_NS + TRAIN_LENGTH * 100 * NS_PER_US);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), arrivals.reported_ns + ARRIVALS_FIRST_NS));
	make_report();
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), NEVER_NS));
}

Test(arrivals, paths_are_told_by_the_names_of_the_sender)
{
	arrivals = (struct arrivals){0};
	come(0, 1, 1);
	come(1, 2, 2);
	make_report();
	cr_expect(eq(u32, report.paths, 0), "it has not told them");
	arrivals_name(&arrivals, 1, 7);
	come(1, 3, 3);
	make_report();
	cr_assert(eq(u32, report.paths, 1));
	cr_expect(eq(u8, report.path[0].path_id, 7));
	cr_expect(eq(u32, report.path[0].packets, 1), "what came before may be another's");
	arrivals_name(&arrivals, 1, 7); /* the same again */
	make_report();
	cr_expect(eq(u32, report.path[0].packets, 1));
}

Test(arrivals, no_two_paths_have_one_name)
{
	come(0, 1, 1);
	come(3, 2, 2);
	arrivals_name(&arrivals, 3, 0); /* that of the sender came by another way */
	come(3, 3, 3);
	make_report();
	cr_assert(eq(u32, report.paths, 1));
	cr_expect(eq(u8, report.path[0].path_id, 0));
	cr_expect(eq(u32, report.path[0].newest, 3));
}

Test(arrivals, a_report_is_due_when_there_is_something_to_tell)
{
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), NEVER_NS));
	come(0, 1, 0);
	cr_expect(le(u64, arrivals_due_ns(&arrivals), START_NS), "after a rest at once");
	make_report();
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), NEVER_NS));
	come(0, 2, 1);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), START_NS + NS_PER_S + ARRIVALS_SOME_NS));
	for (unsigned i = 3; i < 20; i++)
		come(0, i, 1);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), START_NS + NS_PER_S + ARRIVALS_LOAD_NS),
	          "a report of a hundred and fifty bytes");
	arrivals_put_off(&arrivals, START_NS + 2 * NS_PER_S);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), START_NS + 2 * NS_PER_S + ARRIVALS_LOAD_NS));
	arrivals_probe(&arrivals, 0, 4, START_NS);
	make_report();
	arrivals_probe(&arrivals, 0, 5, START_NS);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), START_NS + NS_PER_S + ARRIVALS_PROBE_NS));
	arrivals_old(&arrivals, 0, 100);
	cr_expect(eq(u64, arrivals_due_ns(&arrivals), START_NS + NS_PER_S + ARRIVALS_SOME_NS));
}

Test(arrivals, without_an_order_nothing_is_missing)
{
	order_put(1);
	order_put(3);
	come(0, 3, 1);
	arrivals_report(&arrivals, NULL, 0, START_NS, &report);
	cr_expect(eq(u32, report.ranges, 0));
	cr_expect(eq(u64, report.next, 0));
	cr_expect(eq(u32, report.path[0].newest, 3));
}
