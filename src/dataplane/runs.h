/* SPDX-License-Identifier: MIT */
/* runs.h - packets of one peer become runs: consecutive counters of one lane, on one path.
 *
 * Which path takes how much is asked of the sender (sched/sender.h), for one run after the other. A
 * run is a batch, in redundant mode on all paths; runs that follow each other on one path are one
 * batch while there is room. What is complete gets its numbers and its place in the order of
 * leaving. Then it is worked on: whoever placed it may do so later, and no longer in the role in
 * which all of this is done.
 *
 * One thread at a time, in the role of the peer's outflow (outflow.h), RCU online; from
 * runs_begin() on it is not quiescent until the run that was open is closed.
 */
#ifndef DATAPLANE_RUNS_H
#define DATAPLANE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/sender.h"

struct batch;
struct dp_peer;
struct dp_thread;
struct keypair;

/* Numbered, in their order; still to be worked on. All zero: empty. */
struct run_list {
	struct batch *first, *last;
	unsigned len;
};

struct runs {
	struct dp_peer *peer;      /* set once */
	struct sender sender;      /* which path takes how much */
	struct sender_facts facts; /* of this moment */
	struct keypair *kp;        /* of this moment; NULL: nothing can be sent */
	uint8_t lane;              /* that runs go in */
	struct send_run run;       /* the present one; all zero: none */
	struct batch *open;        /* that is being filled, or NULL */
	struct run_list done;
	unsigned count; /* of batches; set by whoever wants to know */
};

void runs_init(struct runs *runs, struct dp_peer *peer);

/* Looks at keypair and paths of this moment. False: nothing can be sent. */
bool runs_begin(struct dp_thread *self, struct runs *runs);

static inline bool runs_can_send(const struct runs *runs)
{
	return runs->kp != NULL;
}

/* Where the next packet of @len bytes goes: into the open run, or another one. NULL: no memory, and
 * nothing is changed. Only while something can be sent.
 */
uint8_t *runs_place(struct dp_thread *self, struct runs *runs, size_t len);

/* The same for the next packet that waits in the sender, of which there is one: it is taken, out of
 * *@ret_ticket.
 */
uint8_t *runs_pull(struct dp_thread *self, struct runs *runs, struct send_ticket **ret_ticket);

/* The open run, if there is one, is complete. */
void runs_close(struct dp_thread *self, struct runs *runs);

/* Numbers @b, a late batch of a lane of data. */
void runs_add_late(struct dp_thread *self, struct runs *runs, struct batch *b);

/* Moves what is numbered behind that of @list. */
void runs_take(struct runs *runs, struct run_list *list);

/* Has it sealed and sent. @more: other work waits for the caller. In the role or out of it: the
 * order of leaving is settled.
 */
void runs_work(struct dp_thread *self, struct run_list *list, bool more);

#endif
