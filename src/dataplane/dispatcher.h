/* SPDX-License-Identifier: MIT */
/* dispatcher.h - the TUN reader: from IP packets to numbered batches, one per peer and path.
 *
 * It works in rounds. A round reads what the TUN device holds (at most ROUND_PACKETS reads, or one
 * long super-packet), cuts it into packets, puts each into the open batch of the path picked for
 * it, then numbers the packets of each peer with one reservation and submits the batches. So a
 * batch waits no longer than its round, and an idle daemon handles a lone packet at once. Packets
 * without a session or path are staged until control kicks us.
 *
 * Of several dispatchers each has a queue of the device, on which a flow stays, and keeps what it
 * knows of a peer for itself (struct outbound). They share the counters of the keypair and the
 * order of leaving on a path.
 */
#ifndef DATAPLANE_DISPATCHER_H
#define DATAPLANE_DISPATCHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "base/thread.h"
#include "dataplane/outbound.h"
#include "dataplane/self.h"
#include "dataplane/staging.h"

struct loop_guard;
struct quiet_links;

/* The longest packet that the kernel makes of several unless an administrator asks for more. */
#define SUPER_PACKET_BYTES_MAX 65536u

/* A dispatcher: reads one queue of the TUN device, self.id. [T] unless said otherwise. */
struct dispatcher {
	struct dp_thread self;
	struct thread thread;          /* [C] */
	struct quiet_links *quiet;     /* [I] of the first one; else NULL */
	struct loop_guard *loop_guard; /* [I] */
	uint32_t slot_bytes;           /* [I] of every pool */
	unsigned busy_poll_us;         /* [I] how long it looks for work before it sleeps */
	int kick_fd;                   /* [I] eventfd: kicks wait, or the end */
	_Atomic bool is_stopping;      /* [A] */
	struct round round;            /* peers with packets not yet submitted */
	unsigned failed_reads;         /* of the device, without one between that did not fail */
	uint8_t *packet;               /* SUPER_PACKET_BYTES_MAX: what is read lands here */
	uint8_t *segment;              /* slot_bytes: one packet of it, on its way to be staged */
	struct staging staging;        /* of all peers */

	_Alignas(CACHE_LINE) struct cds_wfcq_tail kick_tail; /* [A] control pushes */
	struct __cds_wfcq_head kick_head;                    /* [T] */
};

/* Makes what it needs beside self; the members set from outside are. Returns 0 or a negative errno.
 */
int dispatcher_init(struct dispatcher *d);

/* After its thread ended and staging_clear(). Also for one that was never initialised but has
 * @kick_fd -1.
 */
void dispatcher_fini(struct dispatcher *d);

/* Tells it that what it stages for @out may go, or is to be given up. Control. */
void dispatcher_kick(struct dispatcher *d, struct outbound *out);

/* Puts the peers of kicks that nobody came to. After its thread ended. */
void dispatcher_discard_kicks(struct dispatcher *d);

/* The thread's function; @arg is the dispatcher. */
void dispatcher_main(void *arg);

#endif
