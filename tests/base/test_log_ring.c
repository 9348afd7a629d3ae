/* SPDX-License-Identifier: MIT */
#include "base/log_ring.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"

enum {
	PUTTERS = 4,
	LINES_EACH = 20000,
};

static struct log_ring ring;

static void start(void)
{
	log_ring_init(&ring);
}

TestSuite(log_ring, .init = start, .timeout = 60);

static bool put(unsigned who, unsigned number)
{
	struct log_line line = {.level = (enum log_level)who, .time.tv_sec = number};

	snprintf(line.message, sizeof line.message, "%u of %u", number, who);
	return log_ring_put(&ring, &line);
}

/* Takes a line of @who and returns its number. */
static unsigned take(unsigned who, uint64_t wanted_lost)
{
	struct log_line line;
	char wanted[64];
	uint64_t lost;

	cr_assert(log_ring_take(&ring, &line, &lost));
	snprintf(wanted, sizeof wanted, "%u of %u", (unsigned)line.time.tv_sec, who);
	cr_assert(eq(str, line.message, wanted));
	cr_assert(eq(uint, (unsigned)line.level, who));
	cr_expect(eq(u64, lost, wanted_lost));
	return (unsigned)line.time.tv_sec;
}

static void expect_empty(void)
{
	struct log_line line;
	uint64_t lost = 77;

	cr_expect(not(log_ring_take(&ring, &line, &lost)));
	cr_expect(eq(u64, lost, 77));
}

Test(log_ring, lines_come_out_in_order_round_after_round)
{
	unsigned next_in = 0, next_out = 0;

	expect_empty();
	for (unsigned round = 0; round < 5 * LOG_RING_LINES; round++) {
		cr_assert(put(1, next_in++));
		if (round % 7 == 0)
			cr_assert(put(1, next_in++));
		while (next_in - next_out > round % LOG_RING_LINES)
			cr_assert(eq(uint, take(1, 0), next_out++));
	}
	while (next_out < next_in)
		cr_assert(eq(uint, take(1, 0), next_out++));
	expect_empty();
}

Test(log_ring, full_ring_loses_the_new_line_and_says_where)
{
	for (unsigned i = 0; i < LOG_RING_LINES; i++)
		cr_assert(put(2, i));
	for (unsigned i = 0; i < 3; i++)
		cr_expect(not(put(2, 1000 + i)));
	cr_expect(eq(u64, counter_read(&ring.lost), 3));
	cr_expect(eq(uint, take(2, 0), 0));
	cr_expect(put(2, 2000));
	cr_expect(not(put(2, 1003)));
	for (unsigned i = 1; i < LOG_RING_LINES; i++)
		cr_assert(eq(uint, take(2, 0), i));
	cr_expect(eq(uint, take(2, 3), 2000)); /* three before it, one after */
	expect_empty();
	cr_expect(eq(u64, counter_read(&ring.lost), 4));
}

/* As after four thousand million lines. */
Test(log_ring, numbers_may_wrap_around)
{
	unsigned first = UINT_MAX - LOG_RING_LINES / 2;

	atomic_store(&ring.put, first);
	ring.taken = first;
	for (unsigned i = 0; i < LOG_RING_LINES; i++)
		atomic_store(&ring.slot[(first + i) % LOG_RING_LINES].turn, first + i);
	for (unsigned i = 0; i < LOG_RING_LINES; i++)
		cr_assert(put(3, i));
	cr_expect(not(put(3, 0)));
	for (unsigned i = 0; i < LOG_RING_LINES; i++)
		cr_assert(eq(uint, take(3, 0), i));
	expect_empty();
	cr_expect(put(3, 7));
	cr_expect(eq(uint, take(3, 1), 7));
}

static void put_many(void *arg)
{
	for (unsigned i = 0; i < LINES_EACH; i++)
		put(*(unsigned *)arg, i);
}

/* Each line came whole, in the order of its thread, or is counted as lost. */
Test(log_ring, many_threads_put_while_one_takes)
{
	struct thread putter[PUTTERS];
	unsigned id[PUTTERS], next[PUTTERS] = {0};
	uint64_t taken = 0, lost = 0, lost_before = 0;
	struct log_line line;
	char wanted[64];

	for (unsigned i = 0; i < PUTTERS; i++) {
		id[i] = i;
		cr_assert(eq(int,
		             thread_start(&putter[i], "p", THREAD_HELPER, -1, put_many, &id[i]),
		             0));
	}
	while (taken + counter_read(&ring.lost) < PUTTERS * LINES_EACH) {
		if (!log_ring_take(&ring, &line, &lost)) {
			sched_yield();
			continue;
		}
		unsigned who = line.level, number = (unsigned)line.time.tv_sec;

		snprintf(wanted, sizeof wanted, "%u of %u", number, who);
		cr_assert(eq(str, line.message, wanted));
		cr_assert(lt(uint, who, PUTTERS));
		cr_assert(ge(uint, number, next[who]));
		next[who] = number + 1;
		lost_before = lost > lost_before ? lost : lost_before;
		taken++;
	}
	for (unsigned i = 0; i < PUTTERS; i++)
		thread_join(&putter[i]);
	expect_empty();
	cr_expect(eq(u64, taken + counter_read(&ring.lost), PUTTERS * LINES_EACH));
	cr_expect(le(u64, lost_before, counter_read(&ring.lost)));
}
