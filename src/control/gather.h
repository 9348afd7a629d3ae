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

struct deadline_heap;
struct engine;
struct peer;
struct uplinks;

/* Per turn: peers, and what the longest lists of allowed IPs cost beside. About 100 us, 500 where
 * caches are cold.
 */
#define GATHER_COST_MAX 16u

/* Where the facts are. */
struct gather_from {
	const struct engine *engine;
	const struct uplinks *uplinks;
	struct peer *const *peers; /* which stay until the end, or gather_restart() */
	size_t peer_count;
	const uint8_t *public_key; /* ours */
	const char *interface;
	uint64_t started_ns;
};

struct gathering {
	struct gather_from from;
	struct walk walk;
	struct facts *facts; /* being filled; NULL: none under way, or no memory */
	/* The facts are the callee's; NULL when there was no memory for them. */
	void (*done)(void *arg, struct facts *facts);
	void *arg;
};

/* @done is called with @arg, in a turn of the loop that has @deadlines. */
void gather_init(struct gathering *gathering, struct deadline_heap *deadlines,
                 void (*done)(void *arg, struct facts *facts), void *arg);

/* One more gathering, which ends with a call of @done in a later turn, at once without memory. Not
 * while one is under way.
 */
void gather_begin(struct gathering *gathering, const struct gather_from *from, uint64_t now_ns);

/* Begins anew, when one is under way: the peers are others now. */
void gather_restart(struct gathering *gathering, const struct gather_from *from, uint64_t now_ns);

/* Gives up what is under way. */
void gather_stop(struct gathering *gathering);

#endif
