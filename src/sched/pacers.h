/* SPDX-License-Identifier: MIT */
/* pacers.h - what goes over a path is held to the limits of its ends: ours of what we send over our
 * link, the peer's of what may come over its own.
 *
 * A clock for each limited link that runs ahead (GCRA, ITU-T I.371): what is sent over any path of
 * it moves the clock by the time that it takes at the limit, so paths of one link share it. A path
 * takes a run when neither of its clocks is more than PACERS_AHEAD_NS ahead. What does not wait -
 * the latency class, repairs, copies - is charged all the same, and bulk makes room for it, but
 * never for more than PACERS_OWED_NS and the last of it: a minute of calls at twice the limit, or
 * at a limit that was raised since, would else be followed by another without bulk.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_PACERS_H
#define SCHED_PACERS_H

#include <stdint.h>

#include "sched/path_table.h"
#include "vtrunkd/limits.h"

#define PACERS_AHEAD_NS (2 * NS_PER_MS)
#define PACERS_RUN_NS   (2 * NS_PER_MS) /* one run, but at least two packets */
#define PACERS_OWED_NS  (500 * NS_PER_MS)

/* All zero: nothing is limited. */
struct pacers {
	struct path_limit of[PATHS_MAX][LIMITS];
	uint64_t busy_ns[LIMITS][LINKS_MAX]; /* by link: when what was sent has had its time */
	uint16_t paths;                      /* that are limited */
};

/* Takes the limits of @table, NULL: as before. Before the others, whenever it may be another. */
void pacers_follow(struct pacers *p, const struct path_table *table);

/* When path @path_id may take something, 0 or past: now. */
uint64_t pacers_ready_ns(const struct pacers *p, uint8_t path_id);

/* @bytes of datagrams with their IP headers are sent over the paths in @mask. */
void pacers_charge(struct pacers *p, uint16_t mask, uint64_t bytes, uint64_t now_ns);

/* Leaves of the first paths of @table those in @mask that may take something now, in @ret. Returns
 * how many bytes one run of any of them may have, UINT32_MAX for any number; 0: none may, before
 * *@ret_at_ns.
 */
uint32_t pacers_choose(const struct pacers *p, const struct path_table *table, uint16_t mask,
                       uint64_t now_ns, struct path_table *ret, uint64_t *ret_at_ns);

/* What those in @mask of the first paths of @table may take in @ns, at most a second; UINT64_MAX:
 * any number.
 */
uint64_t pacers_bytes(const struct pacers *p, const struct path_table *table, uint16_t mask,
                      uint64_t ns);

/* The lower limit of a path, in bytes per second; 0: it has none. */
uint64_t path_limit_of(const struct path_limit limit[static LIMITS]);

#endif
