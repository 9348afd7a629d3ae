/* SPDX-License-Identifier: MIT */
#include "dataplane/beliefs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct beliefs all;

Test(beliefs, what_was_set_is_told)
{
	const struct path_belief belief = {.rtt_ns = 1,
	                                   .way_ns = -7,
	                                   .jitter_ns = 2,
	                                   .queue_ns = 3,
	                                   .arrived_bytes_per_s = 4,
	                                   .capacity_bytes_per_s = 5,
	                                   .loss_ppm = 6};
	struct path_belief got;

	cr_expect(not(beliefs_get(&all, 3, &got)));
	beliefs_set(&all, 3, &belief);
	cr_assert(beliefs_get(&all, 3, &got));
	cr_expect(eq(u64, got.rtt_ns, 1));
	cr_expect(eq(u64, got.jitter_ns, 2));
	cr_expect(eq(u64, got.queue_ns, 3));
	cr_expect(eq(u64, got.arrived_bytes_per_s, 4));
	cr_expect(eq(u64, got.capacity_bytes_per_s, 5));
	cr_expect(eq(u32, got.loss_ppm, 6));
	cr_expect(eq(i64, got.way_ns, 0), "the only one is the shortest");
	beliefs_set(&all, 3, NULL);
	cr_expect(not(beliefs_get(&all, 3, &got)));
}

/* What stood for a path that is forgotten is no measure. */
Test(beliefs, ways_are_compared_with_the_shortest)
{
	struct path_belief got;

	beliefs_set(&all, 0, &(struct path_belief){.way_ns = 20});
	beliefs_set(&all, 1, &(struct path_belief){.way_ns = -30});
	beliefs_set(&all, 2, &(struct path_belief){.way_ns = -100});
	cr_assert(beliefs_get(&all, 0, &got));
	cr_expect(eq(i64, got.way_ns, 120));
	beliefs_set(&all, 2, NULL);
	cr_assert(beliefs_get(&all, 0, &got));
	cr_expect(eq(i64, got.way_ns, 50));
	cr_assert(beliefs_get(&all, 1, &got));
	cr_expect(eq(i64, got.way_ns, 0));
}
