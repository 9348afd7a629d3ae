/* SPDX-License-Identifier: MIT */
/* waiting.h - the packets of all peers that nobody can take: there is no session or no path.
 *
 * They lie in the memory of staging.h, where absent peers are in nobody's way; what it bounds and
 * who gives way is told there. Each peer's are used in the role of its outflow, yet they share
 * their memory, so a lock is held for each of these calls. No packet that can be sent passes here.
 *
 * What is too old is dropped when an alarm rings, which is set only while something waits.
 */
#ifndef DATAPLANE_WAITING_H
#define DATAPLANE_WAITING_H

#include <pthread.h>

#include "dataplane/alarms.h"
#include "dataplane/self.h"
#include "dataplane/staging.h"
#include "dataplane/super_packet.h"

struct waiting {
	pthread_mutex_t lock;
	struct staging staging; /* under the lock */
	uint8_t *packet;        /* under the lock: the one to be staged is cut into it */
	struct alarm expiry;    /* under the lock: when the oldest packet is too old */
};

/* With @bytes of memory, for packets of up to @packet_bytes. 0 or -ENOMEM. */
int waiting_init(struct waiting *w, size_t bytes, size_t packet_bytes);

/* Drops everything, uncounted. Also for one that is all zero. */
void waiting_fini(struct waiting *w);
void waiting_clear(struct waiting *w);

/* Cuts the next packet of @cut and has it wait in @q, whose peer is held by the caller. What gives
 * way is counted.
 */
void waiting_add(struct waiting *w, struct dp_thread *self, struct staged_queue *q,
                 struct super_packet *cut);

/* Takes the oldest packet out of @q and writes it to @dst. Returns its length; 0: none waits. */
size_t waiting_take(struct waiting *w, struct staged_queue *q, uint8_t *dst);

/* Drops what is too old, of all peers. */
void waiting_expire(struct waiting *w, struct dp_thread *self, uint64_t now_ns);

/* Drops what waits in @q: it was in vain. */
void waiting_drop(struct waiting *w, struct dp_thread *self, struct staged_queue *q);

#endif
