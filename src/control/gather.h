/* SPDX-License-Identifier: MIT */
/* gather.h - takes down as facts what control knows, a few peers per turn of its loop.
 *
 * So whoever asks for 4096 peers keeps nobody else waiting. The facts are of the time in which they
 * were gathered, some milliseconds; the data plane's counters are read while it runs, so sums may
 * be a few packets apart. Nothing is formatted here but the rare note of a path.
 *
 * Control thread.
 */
#ifndef CONTROL_GATHER_H
#define CONTROL_GATHER_H

#include "control/facts.h"
#include "control/walk.h"

struct control;
struct peer;

/* Per turn: peers, and what the longest lists of allowed IPs cost beside. About 100 us, 500 where
 * caches are cold.
 */
#define GATHER_COST_MAX 16u

struct gathering {
	const struct control *control;
	struct walk walk;
	struct facts *facts; /* being filled; NULL: none under way, or no memory */
	/* The facts are the callee's; NULL when there was no memory for them. */
	void (*done)(void *arg, struct facts *facts);
	void *arg;
};

/* The loop of @control must be there; @done is called with @arg. */
void gather_init(struct gathering *gathering, struct control *control,
                 void (*done)(void *arg, struct facts *facts), void *arg);

/* One more gathering, which ends with a call of @done in a later turn, at once without memory. Not
 * while one is under way.
 */
void gather_begin(struct gathering *gathering, uint64_t now_ns);

/* Gives up what is under way. */
/* Begins anew, when one is under way: the peers are others now. */
void gather_restart(struct gathering *gathering, uint64_t now_ns);

void gather_stop(struct gathering *gathering);

#endif
