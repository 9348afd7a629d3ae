/* SPDX-License-Identifier: MIT */
/* dispatcher.h - the TUN reader: from the device to the outflow of each peer.
 *
 * It works in rounds. A round reads what the TUN device holds (at most ROUND_PACKETS reads, or one
 * long super-packet) and finds the peer of each read. At its end the reads of each peer go into
 * that peer's outflow (outflow.h), and if nobody is at work there, what has to be done is done
 * here. So a packet waits no longer than its round, and an idle daemon handles a lone one at once.
 *
 * Of several dispatchers each has a queue of the device, on which a flow stays. Roles of outflows
 * come to a dispatcher also from control, which has no memory for runs, when what waited for a
 * session may go; and from itself, when it did so much for one peer that it has to read again.
 */
#ifndef DATAPLANE_DISPATCHER_H
#define DATAPLANE_DISPATCHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "base/thread.h"
#include "dataplane/outflow.h"
#include "dataplane/pumps.h"
#include "dataplane/read_buffer.h"
#include "dataplane/self.h"

struct loop_guard;
struct quiet_links;

/* A dispatcher: reads one queue of the TUN device, self.id. [T] unless said otherwise. */
struct dispatcher {
	struct dp_thread self;
	struct thread thread;          /* [C] */
	struct quiet_links *quiet;     /* [I] of the first one; else NULL */
	struct loop_guard *loop_guard; /* [I] */
	uint32_t slot_bytes;           /* [I] of every pool */
	unsigned busy_poll_us;         /* [I] how long it looks for work before it sleeps */
	int kick_fd;                   /* [I] eventfd: roles wait, or the end */
	_Atomic bool is_stopping;      /* [A] */
	struct intake *round;          /* peers with reads of this round, not yet passed on */
	size_t round_bytes;            /* that were read in it */
	unsigned failed_reads;         /* of the device, without one between that did not fail */
	struct read_pool reads;        /* what is read lands in them */
	struct pumps pumps;            /* when to go on with what waits for a path */

	_Alignas(CACHE_LINE) struct cds_wfcq_tail kick_tail; /* [A] roles that are given to it */
	struct __cds_wfcq_head kick_head;                    /* [T] */
};

/* Makes what dispatcher @id needs beside self; the members set from outside are. Returns 0 or a
 * negative errno.
 */
int dispatcher_init(struct dispatcher *d, unsigned id);

/* After its thread ended. Also for one that was never initialised but has @kick_fd -1. */
void dispatcher_fini(struct dispatcher *d);

/* Gives it the role of the peer's outflow, which the caller has. False: the peer is going, so that
 * nobody needs memory for it. Any thread.
 */
bool dispatcher_give_role(struct dispatcher *d, struct dp_peer *peer);

/* The next that was given to it, with a reference to the peer; NULL: there is none. */
struct dp_peer *dispatcher_take_role(struct dispatcher *d);

/* Roles that nobody came to and what waits of its reads, with all that is in their outflows. After
 * all threads ended that have to do with outflows.
 */
void dispatcher_discard(struct dispatcher *d);

/* The thread's function; @arg is the dispatcher. */
void dispatcher_main(void *arg);

#endif
