/* SPDX-License-Identifier: MIT */
/* patience.h - for how long a receiver keeps a gap open for a sender that repairs, see
 * reseq_expect_repair().
 *
 * The sender needs a report, which says what is missing, and then a way: the loop of the quickest
 * path for each repair, the time between two reports, and what threads need. And that a path is
 * dead it finds within a loop of the slowest. Both ends see the same loops, so a receiver reckons
 * with those of its own probes.
 *
 * Pure. One thread at a time.
 */
#ifndef SCHED_PATIENCE_H
#define SCHED_PATIENCE_H

#include <stdint.h>

#include "vtrunkd/limits.h"

#define PATIENCE_REPAIRS 2u /* times that one packet is sent again at most */

/* All zero: gaps are open for no repair. */
struct patience {
	uint64_t repair_ns, death_ns;
};

/* The quickest and the slowest of some loops. All zero: none is known. */
struct patience_loops {
	uint64_t least_ns, most_ns;
};

/* One more: a round trip and its variation (RFC 6298); without a round trip it is not known. */
static inline void patience_add(struct patience_loops *loops, uint64_t srtt_ns, uint64_t rttvar_ns)
{
	uint64_t loop_ns = srtt_ns + 4 * rttvar_ns;

	if (!srtt_ns)
		return;
	if (!loops->least_ns || loop_ns < loops->least_ns)
		loops->least_ns = loop_ns;
	if (loop_ns > loops->most_ns)
		loops->most_ns = loop_ns;
}

/* With none known, of a usual one. @report_ns: between two reports under load. */
struct patience patience_for(const struct patience_loops *loops, uint64_t report_ns);

#endif
