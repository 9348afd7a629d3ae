/* SPDX-License-Identifier: MIT */
/* sequencer.h - batches leave in the order in which they entered, whoever finishes them first.
 *
 * What is in an order has its place in it embedded, a struct in_order. The thread that numbers
 * batches enters them; several workers may then work on them side by side. A worker that finishes
 * one marks it and, unless another thread is at it already, lets the finished run at the head
 * leave. So leaving is serial without a lock and without anybody waiting: it is the one place per
 * path (sending) and per peer (delivering) that needs no further synchronisation.
 *
 *                     | sequencer_enter | sequencer_finish, _go_on
 *   sequencer_enter   |      yes        |       yes
 *   sequencer_finish  |      yes        |       yes       (one at a time has the role to emit)
 */
#ifndef DATAPLANE_SEQUENCER_H
#define DATAPLANE_SEQUENCER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "vtrunkd/limits.h"

struct dp_thread;

/* The places of a batch, which it lies in: one in each order that it is in at a time. */
struct in_order {
	struct cds_wfcq_node node[PATHS_MAX]; /* by the slot of the sequencer */
	atomic_bool is_done;                  /* the work on it is done */
};

/* Called by one thread at a time per sequencer, in the order of entering; @slot is the sequencer's.
 * Takes ownership of what @at lies in, or of its part where that is in the order of several.
 */
typedef void (*sequencer_emit)(struct dp_thread *self, struct in_order *at, unsigned slot);

struct sequencer {
	_Alignas(CACHE_LINE) struct cds_wfcq_tail tail;   /* pushed by those who number */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head head; /* the thread that has the role */
	_Alignas(CACHE_LINE) _Atomic unsigned finished;   /* since the role was last given up */
	unsigned slot;                                    /* [I] */
};

/* A batch may be in the order of several sequencers at a time, each of another @slot below
 * PATHS_MAX.
 */
void sequencer_init(struct sequencer *seq, unsigned slot);

/* Before the batch is handed to whoever works on it. */
void sequencer_enter(struct sequencer *seq, struct in_order *at);

/* Batches that are emitted in one turn. Under load there is always one more: a thread that has
 * other duties must not be kept. A turn is long enough to be worth a hand-over of the role.
 */
#define SEQUENCER_TURN 16u

/* The work on @at, which has entered, is done; it may be emitted and freed before this returns,
 * here or by another thread. False: the turn is over, more may wait, and the role is still the
 * caller's, who has to see to it that sequencer_go_on() is called, by whatever thread.
 */
bool sequencer_finish(struct sequencer *seq, struct dp_thread *self, struct in_order *at,
                      sequencer_emit emit);

/* The same where @at is in several orders: the work on it is done for all of them. From here on it
 * may be emitted, and freed when all have emitted it, by whoever has their roles;
 * sequencer_finish_marked() of each of them has to follow, and sees to it that somebody has.
 */
void sequencer_mark(struct in_order *at);
bool sequencer_finish_marked(struct sequencer *seq, struct dp_thread *self, sequencer_emit emit);

/* Another turn of the role. The same result. */
bool sequencer_go_on(struct sequencer *seq, struct dp_thread *self, sequencer_emit emit);

#endif
