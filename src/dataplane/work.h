/* SPDX-License-Identifier: MIT */
/* work.h - who works on a batch: the crypto workers, or whoever has it in hand.
 *
 * To work on a batch is to seal or open it, then to let what is next in order leave or be
 * delivered. While the worker that would get a batch sleeps, the thread that has it does the work
 * itself (docs/threads.md, "In place or handed over").
 *
 *   [I] set before threads start   [C] control thread
 */
#ifndef DATAPLANE_WORK_H
#define DATAPLANE_WORK_H

#include <stdbool.h>

#include "base/thread.h"
#include "dataplane/alarms.h"
#include "dataplane/batch.h"
#include "dataplane/inbox.h"
#include "dataplane/self.h"

struct dp_peer;

/* One crypto worker. It also keeps the alarms of the peers whose own worker it is. */
struct worker {
	struct inbox inbox;
	struct alarms alarms; /* their context is the worker's self */
	struct dp_thread self;
	struct thread thread; /* [C] */
};

struct work {
	struct worker *worker; /* [I] */
	unsigned count;        /* [I] of them, at least one */
	bool hand_over;        /* [I] under backlog, rather than all in place */

	/* [I] What is done when a delivery brought news for the peer's outflow. */
	void (*kick)(struct dp_thread *self, struct dp_peer *peer);
};

/* Gives @b, which has entered its sequencer, to a worker, or does the work here when one sleeps and
 * @more is false, that is no further batch is at hand. Any data-plane thread, and control.
 */
void work_submit(struct dp_thread *self, struct batch *b, bool more);

/* Gives @b to a worker in any case. Any data-plane thread, and control. */
void work_hand_over(struct dp_thread *self, struct batch *b);

/* Seals, opens or sends, then lets the sequencer emit. What follows from a delivery (dp_follow())
 * leaves when that delivery is over. Any data-plane thread.
 */
void work_run(struct dp_thread *self, struct batch *b);

/* Does what is still in the inboxes, when the workers have ended: one may have passed its role on
 * to another that had ended already.
 */
void work_finish(struct work *work, struct dp_thread *self);

/* Sets @alarm of @peer (NULL: of none) to ring at @at_ns, by always the same worker. See
 * alarm_set(). Any data-plane thread.
 */
void work_set_alarm(struct dp_thread *self, const struct dp_peer *peer, struct alarm *alarm,
                    uint64_t at_ns);

/* A worker's thread; @arg is the worker. */
void worker_main(void *arg);

#endif
