/* SPDX-License-Identifier: MIT */
/* path_table.h - the paths that may carry a peer's data now, and how to share it among them.
 *
 * Paths of a lower rank go before those of a higher one, which carry data only while none of the
 * others can. Whoever goes by the table alone takes those of the lowest rank; a sender that learns
 * of its paths (stripe.h) knows sooner when the next has to take over.
 *
 * Immutable once built. Control builds a new one at each change of a path's state, publishes it
 * with RCU and retires the old one; the dispatcher reads it for every run of packets.
 */
#ifndef SCHED_PATH_TABLE_H
#define SCHED_PATH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rcu.h"
#include "vtrunkd/limits.h"

enum bonding_mode {
	BONDING_AGGREGATE, /* weighted striping: bandwidth adds up */
	BONDING_REDUNDANT, /* every packet on every path */
	BONDING_FAILOVER,  /* the heaviest path that works: a rank for each */
	BONDING_LOWLAT,    /* the quickest path, and twice where it loses some */
	BONDING_BALANCE,   /* each flow keeps to a path of its own */
};

/* Whether packets are shared out by weights, where weights decide. */
static inline bool bonding_mode_is_weighed(enum bonding_mode mode)
{
	return mode == BONDING_AGGREGATE || mode == BONDING_BALANCE;
}

/* Of what goes over a link of one end, shared by all paths over it. */
struct path_limit {
	uint8_t link;  /* below LINKS_MAX, by that end's numbers */
	uint32_t kbps; /* with the headers of IP; 0: none */
};

/* A path has one at each end. */
enum {
	LIMIT_OURS,
	LIMIT_THEIRS,
	LIMITS,
};

/* What the builder is told of one path. */
struct path_candidate {
	uint8_t path_id;
	uint8_t rank;        /* enum link_role, or any other: the lowest is preferred */
	uint32_t weight;     /* above 0 */
	uint16_t packet_max; /* bytes of the longest packet that it carries; 0: any */
	struct path_limit limit[LIMITS];
};

struct path_slot {
	uint8_t path_id;
	uint8_t rank; /* 0 the lowest that there is, and so on without a gap */
	uint8_t role; /* the candidate's rank */
	uint32_t weight;
	uint16_t packet_max;
	struct path_limit limit[LIMITS];
};

struct path_table {
	struct rcu_head rcu;
	enum bonding_mode mode;
	unsigned len;                     /* of rank 0; 0: nothing usable */
	unsigned spare;                   /* of higher ranks, behind them */
	uint16_t fits_one; /* bytes of the longest packet that one of rank 0 carries; 0: any */
	uint16_t fits_all; /* ... that each of rank 0 does */
	bool is_limited;   /* some of all these are */
	struct path_slot slot[PATHS_MAX]; /* by rank, then in the order of the candidates */
};

/* What path_table_build() makes, where @table is. */
void path_table_fill(struct path_table *table, enum bonding_mode mode,
                     const struct path_candidate *candidates, unsigned len);

/* Whether two say the same. */
bool path_table_is_same(const struct path_table *a, const struct path_table *b);

/* The paths in @table by id, those of all ranks. */
uint16_t path_table_mask(const struct path_table *table);

/* Builds a table from @len usable candidates. In failover the heavier goes before the lighter of
 * the same rank, the first before others of its weight. NULL without memory. The caller owns it
 * until it is published.
 */
struct path_table *path_table_build(enum bonding_mode mode, const struct path_candidate *candidates,
                                    unsigned len);

/* How many there are of any rank. */
static inline unsigned path_table_all(const struct path_table *table)
{
	return table->len + table->spare;
}

static inline bool path_slot_fits(const struct path_slot *slot, uint32_t bytes)
{
	return !slot->packet_max || bytes <= slot->packet_max;
}

/* Whether a packet of @bytes fits one of the paths of rank 0, all of them. */
static inline bool path_table_fits_one(const struct path_table *table, uint32_t bytes)
{
	return !table->fits_one || bytes <= table->fits_one;
}

static inline bool path_table_fits_all(const struct path_table *table, uint32_t bytes)
{
	return !table->fits_all || bytes <= table->fits_all;
}

/* Where path @path_id stands in @table among those of rank 0; -1: nowhere. */
int path_table_slot(const struct path_table *table, uint8_t path_id);

/* The longest packet that path @path_id, of any rank, carries; UINT32_MAX: any. */
uint32_t path_table_packet_max(const struct path_table *table, uint8_t path_id);

/* Those of rank 0 that a packet of @bytes fits, or all if it fits none: a bit for each id. */
uint16_t path_table_mask_for(const struct path_table *table, uint32_t bytes);

/* The first of rank 0 that has a bit in @mask; there is one. */
uint8_t path_table_first(const struct path_table *table, uint16_t mask);

/* The same of the greatest weight. */
uint8_t path_table_heaviest(const struct path_table *table, uint16_t mask);

/* Where weights decide: those of path_table_mask_for(), of which one takes the packet, or all do in
 * redundant mode; in mode lowlat the heaviest alone.
 */
uint16_t path_table_takers(const struct path_table *table, uint32_t bytes);

/* Frees it after a grace period; NULL is allowed. Any registered RCU thread. */
void path_table_retire(struct path_table *table);

/* Whether the receiver has to restore the order of what was sent over several paths. */
bool bonding_mode_is_ordered(enum bonding_mode mode);

/* "aggregate", "redundant", ... */
const char *bonding_mode_name(enum bonding_mode mode);

#endif
