/* SPDX-License-Identifier: MIT */
/* outflow.h - the way out of one peer, from what was read to numbered runs on its paths.
 *
 * It is worked on in a role (role.h): whoever has it cuts packets, decides which path takes how
 * many, and gives a run its numbers when it is complete. So a run is a batch of consecutive
 * counters of one lane, on one path (in redundant mode on all), and counters need neither a lock
 * nor an atomic addition. Nobody waits for who has the role.
 *
 * A dispatcher asks for the role with the first packet of its round, and if it is free each packet
 * goes from where it was read into the open run. If not, what it reads is kept, and put in as a
 * chain of read buffers for whoever has it. Frames that share the lanes of data are put in too.
 *
 * What no path can take now, because there is no session or none of them works, waits uncut in the
 * queue of the sender (backlog.h) until control asks for the role again; it goes before what was
 * read later. So does what there is no memory for. What waits for too long is dropped: whoever has
 * the role looks, and when nobody does an alarm rings. While something waits the peer is held.
 *
 * Of a peer that reports what arrives also bulk waits there that could be sent, until a path has
 * room for it (sched/pull.h): the pump alarm rings then, at the peer's dispatcher. What is in a
 * hurry goes before it.
 *
 * Only dispatchers have memory for runs. Who else gets the role does what needs none, and passes it
 * to the peer's dispatcher if that is not all (kick.h).
 *
 *   [A] any thread   [E] whoever has the role
 *
 *                          | outflow_put, _put_late, _ask, _give_up | outflow_begin .. _end, _run
 *   outflow_put, ...       |                 yes                    |     yes
 *   outflow_begin .. _end  |                 yes                    | one at a time
 */
#ifndef DATAPLANE_OUTFLOW_H
#define DATAPLANE_OUTFLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "base/counter.h"
#include "dataplane/alarms.h"
#include "dataplane/backlog.h"
#include "dataplane/pumps.h"
#include "dataplane/read_buffer.h"
#include "dataplane/role.h"
#include "dataplane/runs.h"

struct batch;
struct dp_peer;
struct dp_thread;

/* What a peer has of one dispatcher. */
struct intake {
	_Alignas(CACHE_LINE) struct outflow *outflow; /* [I] */
	struct intake *next;                          /* [T] in the round */
	struct read_buffer *first, *last;             /* [T] reads of the round, without the role */
	bool is_in_round;                             /* [T] */
	bool has_role;                                /* [T] of the outflow, for the round */
};

struct outflow {
	_Alignas(CACHE_LINE) struct role role; /* [A] */
	_Atomic bool is_given_up;              /* [A] what waits is to be dropped */
	struct cds_wfcq_tail read_tail;        /* [A] chains of read buffers, each by its first */
	struct cds_wfcq_tail late_tail;        /* [A] late batches to be numbered */

	_Alignas(CACHE_LINE) struct __cds_wfcq_head read_head; /* [E] */
	struct __cds_wfcq_head late_head;                      /* [E] */
	struct read_buffer *first;                             /* [E] the chain in hand */
	struct runs runs;                                      /* [E] */
	struct backlog backlog;          /* [E] what waits in the queue of their sender */
	bool is_held;                    /* [E] a reference to the peer, since something waits */
	counter_t waiting;               /* [E] packets; any thread reads */
	struct alarm expiry;             /* [E] sets it: the oldest of them is too old, or records
	                                  * of what was sent
	                                  */
	struct alarm pump; /* [E] sets it: a path can take more, or it is time to look at paths */
	struct cds_wfcq_node given_node; /* [E] of the role, on its way to a dispatcher */

	struct dp_peer *peer; /* [I] */
	struct pumps *pumps;  /* [I] that keep its pump alarm */
	unsigned queues;      /* [I] of the TUN device, each with a dispatcher */
	struct intake intake[];
};

/* That of @peer, NULL without memory. @expiry and @pump are what its alarms do; @pumps keeps the
 * latter.
 */
struct outflow *outflow_create(struct dp_peer *peer, unsigned queues, struct pumps *pumps,
                               const struct alarm_kind *expiry, const struct alarm_kind *pump);

/* With the peer: nothing waits in it. NULL is allowed. */
void outflow_destroy(struct outflow *out);

/* Drops all there is, uncounted, and gives up the role. Who has the role, also where it was on a
 * way that nobody goes on.
 */
void outflow_clear(struct outflow *out);

/* Packets that wait for a session or a path. Any thread. */
static inline uint64_t outflow_waiting(const struct outflow *out)
{
	return counter_read(&out->waiting);
}

/* A chain of buffers to be sent, linked by next. True: the role is the caller's, as of
 * outflow_ask(). Passes the buffers on. RCU online; what keeps the peer there is the caller's.
 */
bool outflow_put(struct outflow *out, struct read_buffer *chain);

/* The same with a late batch that wants a number of a data lane. */
bool outflow_put_late(struct outflow *out, struct batch *late);

/* Session or paths may be others now: what waits is to be looked at. True: the role is the
 * caller's, for whom outflow_run() is to follow.
 */
bool outflow_ask(struct outflow *out);

/* The same, and what waits is to be dropped: it was in vain. */
bool outflow_give_up(struct outflow *out);

enum outflow_outcome {
	OUTFLOW_DONE,      /* all there was; nobody has the role now */
	OUTFLOW_NO_MEMORY, /* the role is still the caller's, to go on when its pool has a batch */
	OUTFLOW_PASS_ON,   /* it still is: a dispatcher is to go on with outflow_run() */
};

/* The next three make a turn, without a quiescent state between them. Who has the role.
 *
 * Begins it with what was put in before. Not OUTFLOW_DONE: the turn is over.
 */
enum outflow_outcome outflow_begin(struct dp_thread *self, struct outflow *out);

/* Cuts what the dispatcher @self read, @len bytes into its next read buffer, into runs; what cannot
 * be sent is kept. False: for want of memory, and the turn is to be ended.
 */
bool outflow_send(struct dp_thread *self, struct outflow *out, struct read_buffer *read,
                  size_t len);

/* Ends it with what was put in meanwhile, and gives up the role. @more: other work waits for the
 * caller, so batches are better given to workers.
 */
enum outflow_outcome outflow_end(struct dp_thread *self, struct outflow *out, bool more);

/* A whole turn. */
enum outflow_outcome outflow_run(struct dp_thread *self, struct outflow *out, bool more);

/* Drops what was put in and gives up the role: the peer was removed. Who has the role. */
void outflow_abandon(struct dp_thread *self, struct outflow *out);

#endif
