/* SPDX-License-Identifier: MIT */
/* statistics.h - what the threads of an engine count each for itself, as one sum.
 *
 * Read while they run: a count may be a moment old. Control.
 */
#ifndef DATAPLANE_STATISTICS_H
#define DATAPLANE_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/drop.h"
#include "dataplane/marks.h"

struct dp_peer;
struct engine;

/* Packets dropped for @reason by all threads, and by control itself through engine_count_drop(). */
uint64_t engine_drops(const struct engine *engine, enum drop_reason reason);
void engine_count_drop(struct engine *engine, enum drop_reason reason);

/* The same of what was done about congestion marks. */
uint64_t engine_marks(const struct engine *engine, enum mark_count what);

struct engine_memory {
	unsigned batches; /* in all pools */
	size_t bytes;     /* of their buffers, mapped */
};
struct engine_memory engine_memory(const struct engine *engine);

/* What the sender to @peer believes of a path (beliefs_get()); false: nothing, or no reports come.
 */
struct path_belief;
bool engine_belief(const struct dp_peer *peer, unsigned path_id, struct path_belief *ret);

/* What the sender to @peer gave a path so far; false: no account is kept, as no reports come. */
struct account_counts;
bool engine_account(const struct dp_peer *peer, unsigned path_id, struct account_counts *ret);

/* Packets that wait until there is a session and a path. */
uint64_t engine_staged(const struct dp_peer *peer);

#endif
