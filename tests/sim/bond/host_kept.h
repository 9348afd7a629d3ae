/* SPDX-License-Identifier: MIT */
/* host_kept.h - sent packets of one peer that may have to be sent again, as dataplane/kept.h keeps
 * batches: for SENDLOG_KEPT_NS, and no more than the memory of a dispatcher for it.
 */
#ifndef BOND_HOST_KEPT_H
#define BOND_HOST_KEPT_H

#include "packet.h"

#define HOST_KEPT_BYTES (64u << 20)

struct host_kept_ring {
	struct {
		struct packet *packet;
		uint64_t since_ns;
	} * slot;
	uint32_t capacity;   /* a power of two, or 0 */
	uint64_t first, end; /* counters */
};

/* All zero: nothing is kept. */
struct host_kept {
	struct host_kept_ring ring[2];
	uint64_t bytes, bytes_max;
};

/* A copy of @p, which is sent now. Without memory it is not kept. */
void host_kept_add(struct host_kept *kept, const struct packet *p);

/* That of @counter, or NULL. */
const struct packet *host_kept_find(const struct host_kept *kept, unsigned lane, uint64_t counter);

/* Lets go of what was sent before @before_ns. */
void host_kept_expire(struct host_kept *kept, uint64_t before_ns);

/* Of everything, and of the memory. */
void host_kept_clear(struct host_kept *kept);

#endif
