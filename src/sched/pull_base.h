/* SPDX-License-Identifier: MIT */
/* pull_base.h - how long the ways of paths count, and which of them is the base: the one that all
 * others add to (pull.h).
 *
 * As a rule it is the shortest. But a thin one must not set the pace: the first packets of a
 * connection, over it, tell of a round trip that the fat one cannot keep, and end its slow start.
 * So it is the path that alone would soonest have brought a download of some length, and another
 * takes its place only if it is quicker by far, for estimates wander. A path of which no capacity
 * is known counts as the quickest of those that are known, and a lighter one as slower: by a
 * quarter for each halving of the heaviest's weight.
 *
 * Pure. One thread at a time.
 */
#ifndef SCHED_PULL_BASE_H
#define SCHED_PULL_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/pull_path.h"
#include "vtrunkd/limits.h"

#define PULL_BIAS_NS (2 * NS_PER_MS)

/* All zero: none was chosen yet. */
struct pull_base {
	uint8_t path_id;
	bool is_chosen;
};

/* The ways of all @len paths, longer by PULL_BIAS_NS for each halving of the heaviest's weight. */
void pull_ways(const struct pull_path *path, unsigned len, int64_t way_ns[PATHS_MAX]);

/* Which of @len paths, one at least, is the base now. */
void pull_choose_base(struct pull_base *b, const struct pull_path *path, unsigned len);

#endif
