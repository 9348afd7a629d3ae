/* SPDX-License-Identifier: MIT */
#include "sched/owd.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define MS(n)    ((int64_t)(n) * (int64_t)NS_PER_MS)

static struct owd owd;
static uint64_t now_ns = START_NS;

static bool sample(int64_t ms, bool is_clean)
{
	now_ns += 10 * NS_PER_MS;
	return owd_sample(&owd, MS(ms), is_clean, now_ns);
}

Test(owd, the_base_is_the_least)
{
	sample(-500, false); /* clocks differ: any number is good */
	sample(-510, false);
	sample(-480, false);
	cr_expect(eq(i64, owd.base_ns, MS(-510)));
	cr_expect(eq(i64, owd_queue_ns(&owd), MS(30)));
}

Test(owd, a_least_that_is_20_s_old_is_forgotten)
{
	sample(10, false);
	for (unsigned i = 0; i < 2200; i++)
		sample(30, false);
	cr_expect(eq(i64, owd.base_ns, MS(30)));
}

Test(owd, a_standing_queue_is_not_taken_for_the_way_before_that)
{
	sample(10, false);
	for (unsigned i = 0; i < 1700; i++)
		sample(30, false);
	cr_expect(eq(i64, owd.base_ns, MS(10)));
}

Test(owd, nothing_changes_without_samples)
{
	sample(10, false);
	sample(14, false);
	struct owd before = owd;
	now_ns += 3600 * NS_PER_S;
	cr_expect(eq(i64, owd.base_ns, before.base_ns));
	sample(12, false);
	cr_expect(eq(i64, owd.base_ns, MS(10)), "an idle hour is one slot");
}

Test(owd, clean_samples_show_a_longer_way_at_once)
{
	for (unsigned i = 0; i < 10; i++)
		sample(10, true);
	for (unsigned i = 0; i < OWD_CLEAN_KEPT; i++)
		sample(25, true);
	cr_expect(eq(i64, owd.base_ns, MS(25)));
	cr_expect(eq(i64, owd_queue_ns(&owd), 0));
}

Test(owd, a_few_clean_samples_do_not)
{
	for (unsigned i = 0; i < 10; i++)
		sample(10, true);
	for (unsigned i = 0; i < OWD_CLEAN_KEPT - 1; i++)
		sample(25, true);
	cr_expect(eq(i64, owd.base_ns, MS(10)));
}

Test(owd, the_base_is_lifted_by_40_ms_at_most)
{
	sample(10, false);
	for (unsigned i = 0; i < 20; i++)
		sample(200, true);
	cr_expect(eq(i64, owd.base_ns, MS(50)));
}

Test(owd, a_clean_sample_far_above_asks_for_another)
{
	cr_expect(not(sample(10, true)));
	cr_expect(not(sample(11, true)));
	cr_expect(sample(20, true));
	cr_expect(not(sample(30, false)), "one in a queue does not");
}

Test(owd, jitter_is_the_mean_step)
{
	for (unsigned i = 0; i < 500; i++)
		sample(i % 2 ? 10 : 16, false);
	cr_expect(ge(u64, owd.jitter_ns, 5900 * NS_PER_US));
	cr_expect(le(u64, owd.jitter_ns, 6000 * NS_PER_US));
	for (unsigned i = 0; i < 500; i++)
		sample(10, false);
	cr_expect(lt(u64, owd.jitter_ns, NS_PER_US));
}
