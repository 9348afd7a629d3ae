/* SPDX-License-Identifier: MIT */
#include "sched/pacers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define KBPS     8000u /* 1000 bytes in a millisecond */

static struct pacers pacers;
static struct path_table ready;
static uint64_t at_ns;

/* Paths 1 and 2 go over our link 0, which is limited to KBPS; path 2 over the peer's link 5, which
 * is to half of that; path 3 has no limit.
 */
static const struct path_table table = {
	.mode = BONDING_AGGREGATE,
	.len = 3,
	.is_limited = true,
	.slot = {{.path_id = 1, .weight = 1, .limit = {{0, KBPS}}},
                 {.path_id = 2, .weight = 1, .limit = {{0, KBPS}, {5, KBPS / 2}}},
                 {.path_id = 3, .weight = 1}},
};

static void begin(void)
{
	pacers_follow(&pacers, &table);
}

TestSuite(pacers, .init = begin);

static void send(unsigned path_id, uint64_t bytes, uint64_t now_ns)
{
	pacers_charge(&pacers, (uint16_t)(1u << path_id), bytes, now_ns);
}

Test(pacers, path_without_a_limit_is_always_ready)
{
	send(3, 1u << 30, START_NS);
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 3), 0));
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 1), 0), "and is no other's concern");
}

Test(pacers, what_was_sent_has_to_have_its_time)
{
	send(1, 10000, START_NS);
	cr_expect(
		eq(u64, pacers_ready_ns(&pacers, 1), START_NS + 10 * NS_PER_MS - PACERS_AHEAD_NS));
	send(1, 1000, START_NS);
	cr_expect(
		eq(u64, pacers_ready_ns(&pacers, 1), START_NS + 11 * NS_PER_MS - PACERS_AHEAD_NS));
}

Test(pacers, rest_is_not_saved_up)
{
	send(1, 1000, START_NS);
	send(1, 10000, START_NS + NS_PER_S);
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 1),
	             START_NS + NS_PER_S + 10 * NS_PER_MS - PACERS_AHEAD_NS));
}

Test(pacers, paths_of_one_link_share_its_limit)
{
	send(1, 10000, START_NS);
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 2), pacers_ready_ns(&pacers, 1)));
}

Test(pacers, the_later_of_both_ends_counts)
{
	send(2, 10000, START_NS);
	cr_expect(
		eq(u64, pacers_ready_ns(&pacers, 2), START_NS + 20 * NS_PER_MS - PACERS_AHEAD_NS));
	cr_expect(
		eq(u64, pacers_ready_ns(&pacers, 1), START_NS + 10 * NS_PER_MS - PACERS_AHEAD_NS));
	cr_expect(eq(u64, path_limit_of(table.slot[1].limit), KBPS / 2 * 125));
	cr_expect(eq(u64, path_limit_of(table.slot[2].limit), 0));
}

Test(pacers, in_the_long_run_as_much_goes_as_the_limit_says)
{
	uint64_t now_ns = START_NS, bytes = 0;

	for (; now_ns < START_NS + 10 * NS_PER_S; now_ns += 100 * NS_PER_US) {
		if (pacers_ready_ns(&pacers, 1) > now_ns)
			continue;
		send(1, 1500, now_ns);
		bytes += 1500;
	}
	cr_expect(ge(u64, bytes, 9980000));
	cr_expect(le(u64, bytes, 10005000));
}

/* A call does not wait, whatever it needs. */
Test(pacers, bulk_makes_up_for_half_a_second_of_what_does_not_wait)
{
	uint64_t now_ns = START_NS;

	for (; now_ns < START_NS + 60 * NS_PER_S; now_ns += NS_PER_MS)
		send(1, 2000, now_ns); /* twice the limit */
	cr_expect(gt(u64, pacers_ready_ns(&pacers, 1), now_ns));
	cr_expect(le(u64, pacers_ready_ns(&pacers, 1), now_ns + PACERS_OWED_NS + NS_PER_MS));
	send(1, 10000000, now_ns);
	cr_expect(ge(u64, pacers_ready_ns(&pacers, 1), now_ns + 10 * NS_PER_S), "the last of it");
}

Test(pacers, those_that_are_ready_are_chosen_from)
{
	struct path_table limited = table;

	limited.len = 2;
	cr_expect(eq(u32, pacers_choose(&pacers, &limited, UINT16_MAX, START_NS, &ready, &at_ns),
	             3000));
	cr_expect(eq(uint, ready.len, 2));
	send(2, 1400, START_NS);
	cr_expect(
		ne(u32, pacers_choose(&pacers, &limited, UINT16_MAX, START_NS, &ready, &at_ns), 0));
	cr_assert(eq(uint, ready.len, 1));
	cr_expect(eq(u8, ready.slot[0].path_id, 1));
	send(1, 10000, START_NS);
	cr_expect(
		eq(u32, pacers_choose(&pacers, &limited, UINT16_MAX, START_NS, &ready, &at_ns), 0));
	cr_expect(eq(u64, at_ns, pacers_ready_ns(&pacers, 1)), "the first of them");
	cr_expect(
		eq(u32, pacers_choose(&pacers, &limited, UINT16_MAX, at_ns, &ready, &at_ns), 3000));
	cr_expect(ne(u32, pacers_choose(&pacers, &table, UINT16_MAX, START_NS, &ready, &at_ns), 0));
	cr_expect(eq(u8, ready.slot[0].path_id, 3));
}

Test(pacers, run_is_so_long_that_it_takes_little_time)
{
	struct path_table fast = table;

	fast.len = 1;
	fast.slot[0].limit[0].kbps = 1000000;
	pacers_follow(&pacers, &fast);
	cr_expect(eq(u32, pacers_choose(&pacers, &fast, UINT16_MAX, START_NS, &ready, &at_ns),
	             250000));
}

Test(pacers, bounds_what_may_wait)
{
	struct path_table limited = table;

	limited.len = 2;
	cr_expect(eq(u64, pacers_bytes(&pacers, &limited, UINT16_MAX, 300 * NS_PER_MS), 450000));
	cr_expect(eq(u64, pacers_bytes(&pacers, &table, UINT16_MAX, 300 * NS_PER_MS), UINT64_MAX));
}

Test(pacers, limits_that_are_lifted_hold_nothing_back)
{
	struct path_table free = table;

	send(1, 1u << 20, START_NS);
	free.is_limited = false;
	pacers_follow(&pacers, &free);
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 1), 0));
	send(1, 1u << 20, START_NS);
	cr_expect(eq(u64, pacers_ready_ns(&pacers, 1), 0));
}
