/* SPDX-License-Identifier: MIT */
#include "sched/overflow.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define RATE    1250000u /* bytes per second: 10 Mbit/s */
#define STEP_NS (2 * NS_PER_MS)

static struct overflow o;
static uint64_t now_ns = 1000 * NS_PER_S;

/* For @ms, @bytes_per_s are sent, whoever takes them, and @waiting bytes wait. */
static void load(uint64_t bytes_per_s, uint64_t waiting, unsigned ms)
{
	for (uint64_t end_ns = now_ns + ms * NS_PER_MS; now_ns < end_ns; now_ns += STEP_NS) {
		o.sent_bytes += bytes_per_s * STEP_NS / NS_PER_S;
		overflow_look(&o, waiting, RATE, now_ns);
	}
}

/* How long nothing is sent until it is closed, in ms. */
static unsigned idle_until_closed(void)
{
	unsigned ms = 0;

	for (; o.is_open && ms < 2000; ms += 2)
		load(0, 0, 2);
	return ms;
}

Test(overflow, is_closed_below_what_the_primary_paths_carry)
{
	load(RATE * 9 / 10, 0, 5000);
	cr_expect(not(o.is_open));
}

Test(overflow, opens_when_more_is_sent_for_long)
{
	load(RATE * 3 / 2, 0, 150);
	cr_expect(not(o.is_open));
	load(RATE * 3 / 2, 0, 100);
	cr_expect(o.is_open);
}

Test(overflow, opens_when_a_backlog_stands_for_long)
{
	load(RATE, RATE / 100, 196); /* 10 ms */
	cr_expect(not(o.is_open));
	load(RATE, RATE / 100, 10);
	cr_expect(o.is_open);
}

Test(overflow, backlog_below_the_threshold_is_none)
{
	load(RATE * 99 / 100, RATE / 500, 5000); /* 2 ms, and as much at once */
	cr_expect(not(o.is_open));
}

Test(overflow, bursts_that_the_primary_paths_get_done_with_open_nothing)
{
	for (unsigned i = 0; i < 50; i++) {
		o.sent_bytes += RATE / 20; /* 50 ms of them */
		load(0, RATE / 100, 10);
		load(0, 0, 90);
		cr_expect(not(o.is_open), "burst %u", i);
	}
}

Test(overflow, what_others_take_makes_no_room)
{
	load(RATE * 11 / 10, 0, 10000); /* nothing waits: the excess goes elsewhere */
	cr_expect(o.is_open);
	load(RATE * 11 / 10, 0, 10000);
	cr_expect(o.is_open);
}

Test(overflow, closes_half_a_second_after_the_last_of_a_load_at_most)
{
	unsigned ms;

	load(3 * RATE, 0, 20000);
	cr_assert(o.is_open);
	ms = idle_until_closed();
	cr_expect(le(uint, ms, 510));
	cr_expect(ge(uint, ms, 450));
}

Test(overflow, closes_when_the_primary_paths_can_do_it_alone_again)
{
	load(2 * RATE, 0, 5000);
	cr_assert(o.is_open);
	load(RATE / 2, 0, 1100);
	cr_expect(not(o.is_open));
}

Test(overflow, load_after_a_rest_has_to_last_anew)
{
	load(2 * RATE, 0, 5000);
	cr_assert(o.is_open);
	now_ns += NS_PER_S; /* nobody asked meanwhile */
	load(2 * RATE, 0, 2);
	cr_expect(not(o.is_open));
	load(2 * RATE, 0, 250);
	cr_expect(o.is_open);
}

Test(overflow, unknown_capacity_is_not_full)
{
	for (unsigned i = 0; i < 1000; i++, now_ns += STEP_NS) {
		o.sent_bytes += 100000;
		overflow_look(&o, 1u << 30, 0, now_ns);
	}
	cr_expect(not(o.is_open));
}
