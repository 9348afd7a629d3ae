/* SPDX-License-Identifier: MIT */
/* path_table.h - the paths that may carry a peer's data now, and how to share it among them.
 *
 * Immutable once built. Control builds a new one at each change of a path's state, publishes it
 * with RCU and retires the old one; the dispatcher reads it for every run of packets.
 */
#ifndef SCHED_PATH_TABLE_H
#define SCHED_PATH_TABLE_H

#include <stdint.h>

#include "base/rcu.h"
#include "vtrunkd/limits.h"

enum bonding_mode {
	BONDING_AGGREGATE, /* weighted striping: bandwidth adds up */
	BONDING_REDUNDANT, /* every packet on every path */
	BONDING_FAILOVER,  /* the heaviest path that works */
};

/* What the builder is told of one path. */
struct path_candidate {
	uint8_t path_id;
	uint8_t rank;    /* data goes to the usable paths of the lowest rank; 0 preferred */
	uint32_t weight; /* above 0 */
};

struct path_slot {
	uint8_t path_id;
	uint32_t weight;
};

struct path_table {
	struct rcu_head rcu;
	enum bonding_mode mode;
	unsigned len;                     /* 0: nothing usable */
	struct path_slot slot[PATHS_MAX]; /* aggregate, redundant: all; failover: only the best */
};

/* Builds a table from @len usable candidates, in their order. Failover keeps the one of the
 * greatest weight, the first of equals. NULL without memory. The caller owns it until it is
 * published.
 */
struct path_table *path_table_build(enum bonding_mode mode, const struct path_candidate *candidates,
                                    unsigned len);

/* Where path @path_id stands in @table; -1: nowhere. */
int path_table_slot(const struct path_table *table, uint8_t path_id);

/* Frees it after a grace period; NULL is allowed. Any registered RCU thread. */
void path_table_retire(struct path_table *table);

/* "aggregate", "redundant" or "failover". */
const char *bonding_mode_name(enum bonding_mode mode);

#endif
