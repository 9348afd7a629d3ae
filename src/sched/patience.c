/* SPDX-License-Identifier: MIT */
#include "sched/patience.h"

#define LOOP_UNKNOWN_NS (100 * NS_PER_MS)
#define LOOP_MAX_NS     (200 * NS_PER_MS)
#define REPAIR_SLACK_NS (5 * NS_PER_MS)
#define DEATH_SLACK_NS  (20 * NS_PER_MS)

static uint64_t at_most(uint64_t ns, uint64_t limit_ns)
{
	return ns < limit_ns ? ns : limit_ns;
}

struct patience patience_for(const struct patience_loops *loops, uint64_t report_ns)
{
	uint64_t least_ns = loops->least_ns ? loops->least_ns : LOOP_UNKNOWN_NS;
	uint64_t most_ns = loops->most_ns ? loops->most_ns : LOOP_UNKNOWN_NS;

	least_ns = at_most(least_ns, LOOP_MAX_NS);
	return (struct patience){
		.repair_ns = PATIENCE_REPAIRS * (least_ns + report_ns + REPAIR_SLACK_NS),
		.death_ns = at_most(most_ns + report_ns + DEATH_SLACK_NS, LOOP_MAX_NS),
	};
}
