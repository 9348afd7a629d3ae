/* SPDX-License-Identifier: MIT */
/* pick.h - which path carries the next packets: smooth weighted round robin.
 *
 * Each path gains its weight, and the picked one pays the sum of all. Picked is, of the paths that
 * are owed something, the one that must be served soonest to keep its share. So a path of weight 2
 * among 1 and 1 is met at every second turn, none twice in a row where that can be avoided, and no
 * path gets more than one run (the largest so far) ahead of its share or behind it. Cost is counted
 * in bytes: equal weights mean equal bytes, not equal packets.
 */
#ifndef SCHED_PICK_H
#define SCHED_PICK_H

#include <stdint.h>

#include "sched/path_table.h"

/* Credits by path id, so that they survive a change of the table; a path that is not in the table
 * loses its own. Owned by the dispatcher. All zero at first.
 */
struct pick_state {
	int64_t credit[PATHS_MAX]; /* weight_sum * bytes owed; 0 in sum over the table */
	int64_t weight_sum;        /* of the table the credits belong to */
	uint32_t run_bytes;        /* of the present run */
	uint32_t run_max_bytes;    /* largest run since paths or weights changed */
};

/* The index into @table->slot for the next packet or run of @bytes (0 counts as 1), of those that
 * it fits, or of all if it fits none. @table->len is above 0. Failover tables have one slot;
 * redundant callers send on all of them and do not ask.
 */
unsigned pick_path(struct pick_state *state, const struct path_table *table, uint32_t bytes);

/* @bytes more (below 0: less than it was picked for) go over @table->slot[@slot] without it being
 * picked anew, in the course of a run (run.h). What it gets too early is made up for by the picks
 * that follow.
 */
void pick_charge(struct pick_state *state, const struct path_table *table, unsigned slot,
                 int32_t bytes);

#endif
