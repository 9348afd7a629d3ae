/* SPDX-License-Identifier: MIT */
/* kept.h - sealed datagrams of one peer that may have to be sent again, as they are.
 *
 * The batch of each run is kept from its numbering on for as long as the peer could miss something
 * of it (SENDLOG_KEPT_NS), and found by the counter of any datagram in it. What is kept of one that
 * has left is bytes alone: it refers to no peer and no keypair any more.
 *
 * Memory is that of whoever made the batch; how much may be kept is decided where that is taken.
 *
 * One thread at a time, in the role of the peer's outflow.
 */
#ifndef DATAPLANE_KEPT_H
#define DATAPLANE_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/sendlog.h"

struct batch;

struct kept_entry {
	struct batch *batch;
	uint64_t first; /* counter in its lane */
	uint64_t since_ns;
	uint32_t epoch; /* of sched/sender.h: rises from entry to entry, as first does within one */
};

/* All zero: empty. */
struct kept_ring {
	struct kept_entry *entry;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t len;
	uint32_t end; /* where the next goes, modulo capacity */
};

/* All zero: nothing is kept. */
struct kept {
	struct kept_ring ring[SENDLOG_LANES];
};

/* @batch of @lane, which has been numbered and not left yet. False without memory: it is not kept.
 */
bool kept_add(struct kept *kept, unsigned lane, const struct kept_entry *entry);

/* The batch with @counter, of which *@ret_index is the datagram; NULL: it is not kept, or has not
 * left yet.
 */
const struct batch *kept_find(const struct kept *kept, unsigned lane, uint32_t epoch,
                              uint64_t counter, unsigned *ret_index);

/* Lets go of what was kept before @before_ns. */
void kept_expire(struct kept *kept, uint64_t before_ns);

static inline bool kept_is_empty(const struct kept *kept)
{
	return !kept->ring[0].len && !kept->ring[1].len;
}

/* Lets go of all, and frees its own memory. */
void kept_clear(struct kept *kept);

#endif
