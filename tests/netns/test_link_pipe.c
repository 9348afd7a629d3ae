/* SPDX-License-Identifier: MIT */
#include "link_pipe.h"

#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS(n) ((int64_t)(n)*1000000)

/* 1000 bytes of IP: a millisecond at 8 Mbit/s. */
#define FRAME_BYTES 1014
#define RATE_BPS    8e6

static struct link_pipe way;

static void start(struct pipe_settings settings)
{
	cr_assert(pipe_open(&way, 7));
	way.settings = settings;
}

static void stop(void)
{
	pipe_close(&way);
}

TestSuite(link_pipe, .fini = stop);

static void enter(int64_t now_ns, uint32_t number)
{
	uint8_t data[FRAME_BYTES] = {0};

	memcpy(data, &number, sizeof number);
	pipe_enter(&way, now_ns, data, sizeof data);
}

/* The number of the frame that leaves, or -1. */
static int64_t leave(int64_t now_ns)
{
	const struct pipe_frame *frame = pipe_leave(&way, now_ns);
	uint32_t number;

	if (!frame)
		return -1;
	cr_assert(eq(sz, frame->size, FRAME_BYTES));
	memcpy(&number, frame->data, sizeof number);
	return number;
}

Test(link_pipe, without_settings_a_frame_passes_at_once)
{
	start((struct pipe_settings){0});
	cr_expect(eq(i64, pipe_next_ns(&way), PIPE_NEVER));
	enter(MS(5), 1);
	cr_expect(eq(i64, pipe_next_ns(&way), MS(5)));
	cr_expect(eq(i64, leave(MS(5)), 1));
	cr_expect(eq(i64, leave(MS(5)), -1));
}

Test(link_pipe, frames_follow_each_other_at_the_rate_after_the_delay)
{
	start((struct pipe_settings){.rate_bps = RATE_BPS, .queue_ms = 50, .delay_ms = 20});
	enter(0, 1);
	enter(0, 2);
	cr_expect(eq(i64, pipe_next_ns(&way), MS(21)));
	cr_expect(eq(i64, leave(MS(21) - 1), -1));
	cr_expect(eq(i64, leave(MS(21)), 1));
	cr_expect(eq(i64, pipe_next_ns(&way), MS(22)));
	enter(MS(100), 3); /* the link was idle meanwhile and saved nothing up */
	cr_expect(eq(i64, leave(MS(22)), 2));
	cr_expect(eq(i64, pipe_next_ns(&way), MS(121)));
}

Test(link_pipe, what_would_wait_longer_than_the_queue_is_dropped)
{
	start((struct pipe_settings){.rate_bps = RATE_BPS, .queue_ms = 10});
	for (uint32_t i = 0; i < 20; i++)
		enter(0, i);
	cr_expect(eq(u64, way.counters.queue_full, 9)); /* one is sent, ten wait */
	enter(MS(1), 20);
	cr_expect(eq(u64, way.counters.queue_full, 9));
	for (uint32_t i = 0; i < 11; i++)
		cr_expect(eq(i64, leave(MS(30)), i));
	cr_expect(eq(i64, leave(MS(30)), 20));
}

Test(link_pipe, the_queue_is_told_as_it_would_be_met_now_and_bytes_as_they_leave)
{
	start((struct pipe_settings){.rate_bps = RATE_BPS, .queue_ms = 50, .delay_ms = 20});
	cr_expect(eq(dbl, pipe_queue_ms(&way, MS(1)), 0));
	enter(MS(1), 1);
	enter(MS(1), 2);
	cr_expect(eq(dbl, pipe_queue_ms(&way, MS(1)), 2));
	cr_expect(eq(dbl, pipe_queue_ms(&way, MS(2)), 1));
	cr_expect(eq(dbl, pipe_queue_ms(&way, MS(9)), 0));
	cr_expect(eq(u64, way.counters.delivered_bytes, 0));
	cr_expect(eq(i64, leave(MS(22)), 1));
	cr_expect(eq(u64, way.counters.delivered_bytes, FRAME_BYTES - 14));
}

Test(link_pipe, another_rate_holds_for_what_comes_then)
{
	start((struct pipe_settings){.rate_bps = RATE_BPS, .queue_ms = 50});
	enter(0, 1);
	way.settings.rate_bps = RATE_BPS / 10;
	enter(0, 2);
	cr_expect(eq(i64, leave(MS(1)), 1));
	cr_expect(eq(i64, pipe_next_ns(&way), MS(11)));
}

Test(link_pipe, jitter_spreads_arrivals_and_keeps_the_order)
{
	int64_t least = PIPE_NEVER, most = 0;
	uint32_t next = 0;

	start((struct pipe_settings){.delay_ms = 10, .jitter_ms = 8});
	for (uint32_t i = 0; i < 1000; i++) {
		enter(MS(i * 10), i); /* apart by more than the jitter: each shows its own */
		least = pipe_next_ns(&way) - MS(i * 10) < least ? pipe_next_ns(&way) - MS(i * 10)
		                                                : least;
		most = pipe_next_ns(&way) - MS(i * 10) > most ? pipe_next_ns(&way) - MS(i * 10)
		                                              : most;
		cr_expect(eq(i64, leave(MS(i * 10 + 18)), i));
	}
	cr_expect(least >= MS(10) && least < MS(10) + MS(1) / 10);
	cr_expect(most < MS(18) && most > MS(18) - MS(1) / 10);
	for (uint32_t i = 0; i < 1000; i++)
		enter(MS(20000), i);
	while (pipe_next_ns(&way) != PIPE_NEVER)
		cr_assert(eq(i64, leave(pipe_next_ns(&way)), next++));
	cr_expect(eq(u32, next, 1000));
}

/* Of @n frames, whether each is lost, counted: how many, and in how many runs. */
static void lose(uint32_t n, uint32_t *lost, uint32_t *runs)
{
	bool was_lost = false;

	*lost = *runs = 0;
	for (uint32_t i = 0; i < n; i++) {
		enter(0, i);
		bool is_lost = leave(0) < 0;
		*lost += is_lost;
		*runs += is_lost && !was_lost;
		was_lost = is_lost;
	}
}

Test(link_pipe, single_losses_are_as_many_as_asked_for)
{
	uint32_t lost, runs;

	start((struct pipe_settings){.loss = 0.02});
	lose(100000, &lost, &runs);
	cr_expect(lost > 1800 && lost < 2200, "%u lost", lost);
	cr_expect(lost < 1.1 * runs, "%u lost in %u runs", lost, runs);
	cr_expect(eq(u64, way.counters.lost, lost));
}

Test(link_pipe, bursts_are_as_many_and_as_long_as_asked_for)
{
	uint32_t lost, runs;

	start((struct pipe_settings){.burst_loss = 0.02, .burst_frames = 8});
	lose(1000000, &lost, &runs);
	cr_expect(lost > 18000 && lost < 22000, "%u lost", lost);
	double length = (double)lost / runs;
	cr_expect(length > 7 && length < 9, "bursts of %.1f", length);
}

Test(link_pipe, a_lost_frame_has_used_the_link)
{
	start((struct pipe_settings){.rate_bps = RATE_BPS, .queue_ms = 50, .loss = 1});
	enter(0, 1);
	way.settings.loss = 0;
	enter(0, 2);
	cr_expect(eq(i64, pipe_next_ns(&way), MS(2)));
}

Test(link_pipe, a_blackhole_swallows_also_what_was_on_its_way)
{
	start((struct pipe_settings){.delay_ms = 10});
	enter(0, 1);
	way.settings.is_blackhole = 1;
	enter(MS(1), 2);
	cr_expect(eq(i64, leave(MS(20)), -1));
	way.settings.is_blackhole = 0;
	enter(MS(21), 3);
	cr_expect(eq(i64, leave(MS(31)), 3));
	cr_expect(eq(u64, way.counters.swallowed, 2));
	cr_expect(eq(u64, way.counters.delivered, 1));
}

Test(link_pipe, memory_is_bounded)
{
	start((struct pipe_settings){.delay_ms = 1000});
	for (uint32_t i = 0; i <= PIPE_FRAMES_MAX; i++)
		enter(0, i);
	cr_expect(eq(u64, way.counters.queue_full, 1));
	for (uint32_t i = 0; i < PIPE_FRAMES_MAX; i++)
		cr_assert(eq(i64, leave(MS(1000)), i));
	cr_expect(eq(i64, pipe_next_ns(&way), PIPE_NEVER));
}

Test(link_pipe, the_same_seed_gives_the_same_losses)
{
	uint32_t lost[2], runs[2];

	for (int i = 0; i < 2; i++) {
		start((struct pipe_settings){.loss = 0.1});
		lose(1000, &lost[i], &runs[i]);
		if (i == 0)
			stop();
	}
	cr_expect(eq(u32, lost[0], lost[1]));
	cr_expect(eq(u32, runs[0], runs[1]));
}
