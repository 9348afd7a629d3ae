/* SPDX-License-Identifier: MIT */
#include "sched/codel.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS  (1000 * NS_PER_S)
#define TARGET_NS (20 * NS_PER_MS)

static struct codel codel;
static uint64_t now_ns = START_NS;

/* How many of the packets taken out in @ms, one each, are dropped. */
static unsigned drops_in(unsigned ms, uint64_t waited_ms)
{
	unsigned drops = 0;

	for (; ms--; now_ns += NS_PER_MS)
		drops += codel_drop(&codel, waited_ms * NS_PER_MS, TARGET_NS, false, now_ns);
	return drops;
}

Test(codel, a_short_queue_loses_nothing)
{
	cr_expect(eq(u32, drops_in(10000, 19), 0));
}

Test(codel, a_long_queue_is_given_an_interval)
{
	cr_expect(eq(u32, drops_in(100, 30), 0));
	cr_expect(eq(u32, drops_in(1, 30), 1));
}

Test(codel, a_burst_loses_nothing)
{
	for (unsigned i = 0; i < 50; i++) {
		cr_expect(eq(u32, drops_in(90, 60), 0));
		cr_expect(eq(u32, drops_in(5, 5), 0));
	}
}

Test(codel, drops_come_closer_and_closer)
{
	unsigned first = drops_in(600, 40), second = drops_in(600, 40);

	cr_expect(ge(u32, first, 4));
	cr_expect(lt(u32, first, second));
}

Test(codel, the_distance_is_the_interval_by_the_root_of_their_number)
{
	uint64_t at_ns[4];
	unsigned drops = 0;

	for (; drops < 4; now_ns += 100 * NS_PER_US) {
		if (codel_drop(&codel, 2 * TARGET_NS, TARGET_NS, false, now_ns))
			at_ns[drops++] = now_ns;
	}
	cr_expect(le(u64, at_ns[1] - at_ns[0], 101 * NS_PER_MS));
	cr_expect(ge(u64, at_ns[1] - at_ns[0], 99 * NS_PER_MS));
	cr_expect(le(u64, at_ns[3] - at_ns[2], 59 * NS_PER_MS));
	cr_expect(ge(u64, at_ns[3] - at_ns[2], 56 * NS_PER_MS), "100 / sqrt(3)");
}

Test(codel, stops_as_soon_as_the_queue_is_short)
{
	drops_in(1000, 40);
	cr_expect(eq(u32, drops_in(1, 5), 0));
	cr_expect(eq(u32, drops_in(100, 40), 0), "another interval");
}

Test(codel, soon_after_it_goes_on_where_it_was)
{
	drops_in(1500, 40);
	uint32_t before = codel.count;
	drops_in(10, 5);
	drops_in(101, 40);
	cr_expect(eq(u32, codel.count, before - 2));
}

Test(codel, the_last_packet_is_never_dropped)
{
	for (unsigned i = 0; i < 1000; i++, now_ns += NS_PER_MS)
		cr_expect(not(codel_drop(&codel, NS_PER_S, TARGET_NS, true, now_ns)));
}
