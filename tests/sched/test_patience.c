/* SPDX-License-Identifier: MIT */
#include "sched/patience.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sched/reseq.h"

#define REPORT_NS (10 * NS_PER_MS)
#define SLACK_NS  (5 * NS_PER_MS)  /* of a repair */
#define DEATH_NS  (20 * NS_PER_MS) /* the same of a death */
#define USUAL_NS  (100 * NS_PER_MS)
#define MOST_NS   (200 * NS_PER_MS)

static struct patience_loops loops;

static void add(uint64_t srtt_ms, uint64_t rttvar_ms)
{
	patience_add(&loops, srtt_ms * NS_PER_MS, rttvar_ms * NS_PER_MS);
}

static struct patience wait(void)
{
	return patience_for(&loops, REPORT_NS);
}

static uint64_t repairs_over(uint64_t loop_ns)
{
	return PATIENCE_REPAIRS * (loop_ns + REPORT_NS + SLACK_NS);
}

Test(patience, with_no_loop_known_it_is_for_a_usual_one)
{
	cr_expect(eq(u64, wait().repair_ns, repairs_over(USUAL_NS)));
	cr_expect(eq(u64, wait().death_ns, USUAL_NS + REPORT_NS + DEATH_NS));
}

Test(patience, a_loop_is_a_round_trip_and_four_times_its_variation)
{
	add(20, 3);
	cr_expect(eq(u64, loops.least_ns, 32 * NS_PER_MS));
	cr_expect(eq(u64, loops.most_ns, 32 * NS_PER_MS));
	cr_expect(eq(u64, wait().repair_ns, repairs_over(32 * NS_PER_MS)));
	cr_expect(eq(u64, wait().death_ns, 32 * NS_PER_MS + REPORT_NS + DEATH_NS));
}

/* In whatever order they are met. */
Test(patience, repairs_take_the_quickest_way_and_a_death_shows_on_the_slowest)
{
	static const uint64_t ms[][3] = {{40, 10, 90}, {10, 40, 90}, {90, 40, 10}};

	for (unsigned i = 0; i < sizeof ms / sizeof *ms; i++) {
		loops = (struct patience_loops){0};
		for (unsigned k = 0; k < 3; k++)
			add(ms[i][k], 0);
		cr_expect(eq(u64, wait().repair_ns, repairs_over(10 * NS_PER_MS)), "%u", i);
		cr_expect(eq(u64, wait().death_ns, 90 * NS_PER_MS + REPORT_NS + DEATH_NS), "%u", i);
	}
}

Test(patience, a_path_without_a_round_trip_is_not_known)
{
	add(0, 7);
	cr_expect(eq(u64, loops.most_ns, 0));
	add(50, 0);
	add(0, 100);
	cr_expect(eq(u64, loops.least_ns, 50 * NS_PER_MS));
	cr_expect(eq(u64, loops.most_ns, 50 * NS_PER_MS));
}

/* What takes longer is no longer worth waiting for. */
Test(patience, it_has_an_end)
{
	add(1000, 500);
	cr_expect(eq(u64, wait().repair_ns, repairs_over(MOST_NS)));
	cr_expect(eq(u64, wait().death_ns, MOST_NS));
	cr_expect(le(u64, wait().death_ns, RESEQ_WAIT_MAX_NS));
	add(170, 0);
	cr_expect(eq(u64, wait().repair_ns, repairs_over(170 * NS_PER_MS)));
	cr_expect(eq(u64, wait().death_ns, MOST_NS));
}

Test(patience, rare_reports_make_it_longer)
{
	add(20, 0);
	struct patience often = wait(), seldom = patience_for(&loops, 3 * REPORT_NS);

	cr_expect(eq(u64, seldom.repair_ns - often.repair_ns, PATIENCE_REPAIRS * 2 * REPORT_NS));
	cr_expect(eq(u64, seldom.death_ns - often.death_ns, 2 * REPORT_NS));
}
