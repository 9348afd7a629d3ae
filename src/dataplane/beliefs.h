/* SPDX-License-Identifier: MIT */
/* beliefs.h - what a sender believes of its paths, for people to read while it goes on.
 *
 * Written in the role of the peer's outflow when a report was heard, read by control when somebody
 * asks. Each value is whole; those of one path may be of two reports that followed each other,
 * which nobody can see.
 */
#ifndef DATAPLANE_BELIEFS_H
#define DATAPLANE_BELIEFS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/path_model.h"
#include "vtrunkd/limits.h"

/* All zero: nothing is believed. */
struct beliefs {
	struct {
		_Atomic bool is_known;
		_Atomic uint64_t rtt_ns, jitter_ns, queue_ns, arrived, capacity;
		_Atomic int64_t way_ns;
		_Atomic uint32_t loss_ppm;
	} path[PATHS_MAX];
};

/* NULL: nothing is believed of it any more. */
void beliefs_set(struct beliefs *all, unsigned path_id, const struct path_belief *belief);

/* False when nothing is known; @ret's way is how much longer it is than the shortest. */
bool beliefs_get(const struct beliefs *all, unsigned path_id, struct path_belief *ret);

#endif
