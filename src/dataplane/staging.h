/* SPDX-License-Identifier: MIT */
/* staging.h - packets that wait until their peer has a session and a path, and their memory.
 *
 * They lie in a small memory of their own, in chains of blocks, so that peers that are never
 * reached cost the others nothing. It is mapped at the start and touched as far as it was ever
 * used. Three bounds hold: STAGED_MAX packets per peer, STAGED_AGE_NS, and the memory. Where the
 * first or the last is met the oldest packet of a peer gives way: of the peer itself, or of the one
 * that holds the most. So one that is flooded does not push out the few packets of others.
 *
 * One thread at a time, but for the length of a queue, which any may read (waiting.h). A queue with
 * packets in it holds a reference to its peer.
 */
#ifndef DATAPLANE_STAGING_H
#define DATAPLANE_STAGING_H

#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#include "base/counter.h"
#include "vtrunkd/limits.h"

/* For each dispatcher: 5 peers with STAGED_MAX full packets each, or 4096 small packets. */
#define STAGING_BYTES (1u << 20)

/* Nobody waits for an older packet: who sent it has sent it again or given up. */
#define STAGED_AGE_NS (5 * NS_PER_S)

struct dp_peer;
struct staged_packet;

/* How their peers are held while packets of theirs wait. */
struct staging_peers {
	struct dp_peer *(*hold)(struct dp_peer *peer); /* by who has a reference: cannot fail */
	void (*release)(struct dp_peer *peer);
};

struct staging {
	const struct staging_peers *peers;
	uint8_t *memory;
	size_t bytes;                  /* of it */
	size_t fresh;                  /* of these, used before */
	struct staged_block *idle;     /* blocks given back, the newest first */
	struct cds_list_head by_age;   /* packets of all peers, the oldest first */
	struct staged_queue *greatest; /* no other had more blocks when it grew; or NULL */
};

/* What waits for one peer. All zero but the peer: nothing. */
struct staged_queue {
	struct dp_peer *peer;        /* set once */
	struct staged_packet *first; /* the oldest; NULL: empty */
	struct staged_packet *last;
	unsigned blocks;
	counter_t len; /* packets; any thread reads */
};

/* With @bytes of memory, a multiple of STAGING_BYTES. Returns 0 or -ENOMEM. */
int staging_init(struct staging *s, size_t bytes, const struct staging_peers *peers);

/* Nothing may be staged any more, see staging_clear(). Also for one that is all zero. */
void staging_fini(struct staging *s);

/* Appends a copy of the packet of @len bytes, at most UINT16_MAX. Returns how many packets gave
 * way. @now_ns: boot time, not before that of the call before. The caller holds a reference to the
 * peer: what gives way may have held the last one.
 */
unsigned staging_add(struct staging *s, struct staged_queue *q, const uint8_t *packet, size_t len,
                     uint64_t now_ns);

/* The length of the oldest packet of @q, which is not empty. */
size_t staging_first_len(const struct staged_queue *q);

/* Writes it, staging_first_len() bytes, to @dst. */
void staging_copy_first(const struct staged_queue *q, uint8_t *dst);

/* Takes it out. */
void staging_remove_first(struct staging *s, struct staged_queue *q);

/* Takes out what is STAGED_AGE_NS old or older, of all peers. Returns how many packets. */
unsigned staging_expire(struct staging *s, uint64_t now_ns);

/* When there will be something to expire; NEVER_NS: nothing is staged. */
uint64_t staging_due_ns(const struct staging *s);

/* Takes out all packets of @q. Returns how many. */
unsigned staging_empty(struct staging *s, struct staged_queue *q);

/* Takes out everything. */
void staging_clear(struct staging *s);

#endif
