/* SPDX-License-Identifier: MIT */
/* balance.h - which path each flow keeps to, where flows are shared out among the paths.
 *
 * A new flow goes to the path on which it gets most: that of the least (flows + 1) / capacity,
 * where flows are those of which something was sent within BALANCE_ACTIVE_NS. It stays there, so
 * nothing of it overtakes; it moves when its path is gone or has been suspect for
 * BALANCE_SUSPECT_NS, longer than one lost packet of a thin stream makes it so. A flow that was
 * silent for BALANCE_IDLE_NS is a new one: nothing of it is on its way.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_BALANCE_H
#define SCHED_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/pull.h"

#define BALANCE_FLOWS      256u /* those of one hash count as one, as in a send queue */
#define BALANCE_ACTIVE_NS  NS_PER_S
#define BALANCE_IDLE_NS    (5 * NS_PER_S)
#define BALANCE_SUSPECT_NS (50 * NS_PER_MS)

struct balance_flow {
	uint64_t last_ns; /* when it had something to send last; 0: never */
	uint8_t path_id;
};

/* All zero at first. */
struct balance {
	uint64_t suspect_ns[PATHS_MAX]; /* by path id: since when; 0: it is not */
	struct balance_flow flow[BALANCE_FLOWS];
};

/* The slot of @path, of which there is one at least, for @flow, that has something to send now.
 * NULL at *@b: allocates it; without memory flows are shared out by their hash.
 */
unsigned balance_slot(struct balance **b, const struct pull_path *path, unsigned len, uint32_t flow,
                      uint64_t now_ns);

/* Adds the flows that count on each path, by its id. NULL: there are none. */
void balance_count(const struct balance *b, unsigned count[PATHS_MAX], uint64_t now_ns);

#endif
