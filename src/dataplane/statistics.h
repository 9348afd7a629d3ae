/* SPDX-License-Identifier: MIT */
/* statistics.h - what the threads of an engine count each for itself, as one sum.
 *
 * Read while they run: a count may be a moment old. Control.
 */
#ifndef DATAPLANE_STATISTICS_H
#define DATAPLANE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/drop.h"

struct dp_peer;
struct engine;

/* Packets dropped for @reason by all threads, and by control itself through engine_count_drop(). */
uint64_t engine_drops(const struct engine *engine, enum drop_reason reason);
void engine_count_drop(struct engine *engine, enum drop_reason reason);

struct engine_memory {
	unsigned batches; /* in all pools */
	size_t bytes;     /* of their buffers, mapped */
};
struct engine_memory engine_memory(const struct engine *engine);

/* Packets that wait until there is a session and a path. */
uint64_t engine_staged(const struct dp_peer *peer);

#endif
