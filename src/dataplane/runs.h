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

#include "dataplane/kept.h"
#include "sched/sender.h"
#include "sched/traffic_class.h"

struct batch;
struct dp_peer;
struct dp_thread;
struct feedback;
struct keypair;
struct super_packet;

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
	bool has_lanes;            /* the peer takes more than one */
	bool copies_ecn;           /* the peer carries marks on, so datagrams are to be such that
	                            * routers mark them
	                            */
	struct feedback *feedback; /* of this moment; NULL: the peer does not report */
	struct send_run run;       /* the present one; all zero: none */
	struct batch *open;        /* that is being filled, or NULL */
	bool leaves_twice;         /* the open one, the second time later */
	struct kept kept;          /* what may have to be sent again */
	struct traffic_classes *classes; /* NULL: none were needed, or no memory */
	uint64_t tick_at_ns;             /* when to look at paths again */
	uint16_t table_paths;            /* those that carried data when last looked at, by id */
	struct run_list done;
	unsigned count; /* of batches; set by whoever wants to know */
};

void runs_init(struct runs *runs, struct dp_peer *peer);
void runs_fini(struct runs *runs);

/* Looks at keypair and paths of this moment. False: nothing can be sent. */
bool runs_begin(struct dp_thread *self, struct runs *runs);

static inline bool runs_can_send(const struct runs *runs)
{
	return runs->kp != NULL;
}

enum runs_outcome {
	RUNS_PLACED,    /* *ret_at is where it goes */
	RUNS_WAIT,      /* no path takes it now; sender_pump_ns() says when */
	RUNS_NO_MEMORY, /* nothing is changed */
};

/* Where the next packet of @cut goes, which nothing waits before: into the open run, or another
 * one. Only while something can be sent.
 */
enum runs_outcome runs_place(struct dp_thread *self, struct runs *runs,
                             const struct super_packet *cut, const struct send_class *class,
                             uint8_t **ret_at);

/* The same for the next packet that waits in the sender, of which there is one: it is taken, out of
 * *@ret_ticket.
 */
enum runs_outcome runs_pull(struct dp_thread *self, struct runs *runs,
                            struct send_ticket **ret_ticket, uint8_t **ret_at);

/* Whether the next packet that waits begins a run. */
bool runs_begins_anew(const struct runs *runs);

/* The open run, if there is one, is complete. */
void runs_close(struct dp_thread *self, struct runs *runs);

/* What was lost leaves again, before everything else, and what is to leave twice for the second
 * time. False: memory is used up. A dispatcher.
 */
bool runs_send_repairs(struct dp_thread *self, struct runs *runs);

static inline bool runs_have_repairs(const struct runs *runs)
{
	return runs->facts.is_learned && repair_is_waiting(runs->sender.stripe.repair);
}

/* Bulk may wait though it could be sent: until a path has room for it. While something can be sent.
 */
static inline bool runs_hold_up(const struct runs *runs)
{
	return runs->facts.is_learned || runs->facts.table->is_limited;
}

/* Numbers @b, a late batch of a lane of data. */
void runs_add_late(struct dp_thread *self, struct runs *runs, struct batch *b);

/* @b, which has entered its path's order, is complete and goes with the others. */
void runs_add(struct dp_thread *self, struct runs *runs, struct batch *b);

/* Moves what is numbered behind that of @list. */
void runs_take(struct runs *runs, struct run_list *list);

/* Has it sealed and sent. @more: other work waits for the caller. In the role or out of it: the
 * order of leaving is settled.
 */
void runs_work(struct dp_thread *self, struct run_list *list, bool more);

#endif
