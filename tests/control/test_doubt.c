/* SPDX-License-Identifier: MIT */
#include "control/doubt.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

#define START_NS (1000 * NS_PER_S)

static struct doubt d;
static uint64_t now_ns = START_NS, answered_ns, fell_ns;

static bool take(void)
{
	return doubt_take(&d, answered_ns, fell_ns, now_ns);
}

/* Somebody says so every millisecond, and an answer comes after each doubt, 5 ms later. */
static void lie_for(uint64_t ns)
{
	for (uint64_t end_ns = now_ns + ns; now_ns < end_ns; now_ns += NS_PER_MS) {
		take();
		if (now_ns - d.at_ns == 5 * NS_PER_MS)
			answered_ns = now_ns;
	}
}

Test(doubt, the_first_is_taken_and_the_next_after_100_ms)
{
	cr_assert(take());
	now_ns += 100 * NS_PER_MS - 1;
	cr_expect(not(take()));
	now_ns++;
	cr_expect(take());
	cr_expect(eq(u64, d.count, 2));
}

Test(doubt, while_nothing_answers_it_is_taken_every_100_ms)
{
	for (unsigned i = 0; i < 10000; i++, now_ns += NS_PER_MS)
		take();
	cr_expect(eq(u64, d.count, 100));
}

Test(doubt, who_is_refuted_is_believed_ever_less)
{
	lie_for(60 * NS_PER_S);
	cr_expect(le(u64, d.count, 11));
	lie_for(10 * 60 * NS_PER_S);
	cr_expect(le(u64, d.count, 11 + 24), "every 25.6 s at most");
	cr_expect(ge(u64, d.count, 11 + 20));
}

Test(doubt, a_fall_makes_it_true)
{
	lie_for(60 * NS_PER_S);
	now_ns = d.at_ns + 30 * NS_PER_S;
	cr_assert(take());
	fell_ns = now_ns + NS_PER_MS;
	now_ns += 30 * NS_PER_S;
	cr_assert(take());
	now_ns += 100 * NS_PER_MS;
	cr_expect(take());
}

Test(doubt, a_quiet_hour_lets_old_lies_be_forgotten)
{
	lie_for(60 * NS_PER_S);
	now_ns += 3600 * NS_PER_S;
	cr_assert(take());
	cr_expect(le(uint, d.refuted, 1));
}
