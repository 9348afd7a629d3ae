/* SPDX-License-Identifier: MIT */
#include "sched/run.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>

enum {
	PACKET = 1400,
	BEGIN_NS = 77777, /* of the clock: anything */
};

static struct path_table table_of(unsigned len, const uint32_t *weights)
{
	struct path_table table = {.mode = BONDING_AGGREGATE, .len = len};

	for (unsigned i = 0; i < len; i++)
		table.slot[i] =
			(struct path_slot){.path_id = (uint8_t)(3 + i), .weight = weights[i]};
	return table;
}

static const uint32_t alike[] = {1, 1, 1, 1};

/* Sends @bytes_per_s in packets for some windows, with one path without end. */
static uint64_t send_at_rate(struct run_state *run, uint64_t bytes_per_s, uint64_t now_ns)
{
	uint64_t gap_ns = PACKET * NS_PER_S / bytes_per_s;

	for (uint64_t end_ns = now_ns + 5 * RUN_WINDOW_NS; now_ns < end_ns; now_ns += gap_ns) {
		run_tick(run, now_ns);
		run_sent(run, PACKET);
	}
	return now_ns;
}

/* How many packets of PACKET bytes a run on @slot takes. */
static unsigned packets_in_run(struct run_state *run, const struct path_table *table, unsigned slot)
{
	unsigned packets = 0;

	run_begin(run, table, slot);
	do {
		run_sent(run, PACKET);
		packets++;
	} while (run_slot(run, table) >= 0);
	return packets;
}

Test(run, begins_with_no_path)
{
	struct run_state run = {0};
	struct path_table table = table_of(2, alike);

	cr_expect(eq(int, run_slot(&run, &table), -1));
}

/* Nothing is known of the rate yet, or it is low: then it is as if there were no runs. */
Test(run, is_a_single_packet_at_low_rates)
{
	static const uint64_t rates[] = {0, 12500, 125000, 1250000}; /* up to 10 Mbit/s */
	struct path_table table = table_of(2, alike);

	for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct run_state run = {0};

		if (rates[i])
			send_at_rate(&run, rates[i], BEGIN_NS);
		cr_expect(eq(uint, packets_in_run(&run, &table, 1), 1), "%" PRIu64 " bytes/s",
		          rates[i]);
		cr_expect(eq(uint, packets_in_run(&run, &table, 0), 1), "%" PRIu64 " bytes/s",
		          rates[i]);
	}
}

/* Oracle: rate * share * time, in floating point. */
Test(run, is_what_the_path_carries_in_the_time_of_a_run)
{
	static const uint32_t weights[][4] = {{1, 1, 1, 1}, {1, 2, 3, 4}, {1000000, 1, 7, 500000}};
	static const uint64_t rates[] = {10000000, 30000000, 60000000, 125000000};

	for (unsigned w = 0; w < 3; w++) {
		struct path_table table = table_of(4, weights[w]);
		double sum = 0;

		for (unsigned i = 0; i < 4; i++)
			sum += weights[w][i];
		for (unsigned r = 0; r < 4; r++) {
			struct run_state run = {0};

			send_at_rate(&run, rates[r], BEGIN_NS);
			for (unsigned i = 0; i < 4; i++) {
				double bytes = (double)rates[r] * weights[w][i] / sum *
				               RUN_TIME_NS / NS_PER_S;
				unsigned got = packets_in_run(&run, &table, i) * PACKET;

				if (bytes > RUN_BYTES_MAX)
					bytes = RUN_BYTES_MAX;
				/* A run ends with the packet that exceeds it; a window may hold one
				 * packet more or less.
				 */
				cr_expect(le(dbl, bytes * 0.95, got), "rate %" PRIu64 " slot %u",
				          rates[r], i);
				cr_expect(le(dbl, got, bytes * 1.05 + PACKET),
				          "rate %" PRIu64 " slot %u", rates[r], i);
			}
		}
	}
}

Test(run, is_never_longer_than_the_longest_train)
{
	struct path_table one = table_of(1, alike), two = table_of(2, alike);
	struct run_state run = {0};

	send_at_rate(&run, 12500000000u, BEGIN_NS); /* 100 Gbit/s */
	run_begin(&run, &one, 0);
	cr_expect(eq(u32, run.left, RUN_BYTES_MAX));
	run_begin(&run, &two, 1);
	cr_expect(eq(u32, run.left, RUN_BYTES_MAX));
	for (uint32_t sent = 0; sent < RUN_BYTES_MAX; sent += 64) {
		cr_assert(eq(int, run_slot(&run, &two), 1), "after %u bytes", sent);
		run_sent(&run, 64);
	}
	cr_expect(eq(int, run_slot(&run, &two), -1));
}

Test(run, a_packet_longer_than_what_is_left_ends_it)
{
	struct path_table table = table_of(2, alike);
	struct run_state run = {0};

	send_at_rate(&run, 100000000, BEGIN_NS);
	run_begin(&run, &table, 0);
	cr_expect(eq(int, run_slot(&run, &table), 0));
	run_sent(&run, UINT32_MAX);
	cr_expect(eq(u32, run.left, 0));
	cr_expect(eq(int, run_slot(&run, &table), -1));
}

Test(run, follows_its_path_to_another_slot_and_ends_when_it_leaves_the_table)
{
	struct path_table table = table_of(3, alike), moved = table, without = table;
	struct run_state run = {0};

	moved.slot[0] = table.slot[2];
	moved.slot[2] = table.slot[0];
	without.len = 2;
	send_at_rate(&run, 100000000, BEGIN_NS);
	run_begin(&run, &table, 2);
	cr_expect(eq(int, run_slot(&run, &table), 2));
	cr_expect(eq(int, run_slot(&run, &moved), 0));
	cr_expect(eq(int, run_slot(&run, &without), -1));
	cr_expect(eq(int, run_slot(&run, &table), 2)); /* it came back */
	without.len = 0;
	cr_expect(eq(int, run_slot(&run, &without), -1));
}

Test(run, rate_falls_after_a_pause)
{
	struct path_table table = table_of(2, alike);
	struct run_state run = {0};
	uint64_t now_ns = send_at_rate(&run, 125000000, BEGIN_NS);

	cr_assert(lt(uint, 10, packets_in_run(&run, &table, 0)));
	now_ns += NS_PER_S;
	run_tick(&run, now_ns);
	cr_expect(eq(uint, packets_in_run(&run, &table, 0), 1));
	send_at_rate(&run, 125000000, now_ns); /* and rises again */
	cr_expect(lt(uint, 10, packets_in_run(&run, &table, 0)));
}

/* A turn every microsecond or every second: what counts is the window. */
Test(run, rate_is_measured_over_whole_windows)
{
	struct run_state run = {0};
	uint64_t now_ns = BEGIN_NS + RUN_WINDOW_NS;

	run_tick(&run, now_ns);
	for (unsigned i = 0; i < 1000; i++) {
		run_sent(&run, 1000);
		run_tick(&run, now_ns + i * (RUN_WINDOW_NS - 1) / 1000);
		cr_assert(eq(u64, run.bytes_per_s, 0));
	}
	run_tick(&run, now_ns + RUN_WINDOW_NS);
	cr_expect(eq(u64, run.bytes_per_s, 1000 * 1000 * NS_PER_S / RUN_WINDOW_NS));
	cr_expect(eq(u64, run.window_bytes, 0));
	cr_expect(eq(u64, run.window_ns, now_ns + RUN_WINDOW_NS));
}
