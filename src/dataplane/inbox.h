/* SPDX-License-Identifier: MIT */
/* inbox.h - batches handed from many threads to one, with at most one wake-up per hand-over.
 *
 * A liburcu wfcqueue with a futex for the case that the taker sleeps. It has no bound of its own:
 * the pools of the threads that push are the bound. The taker splices the whole queue at once.
 *
 *                     | inbox_push | inbox_take | inbox_wait | inbox_is_asleep
 *   inbox_push        |    yes     |    yes     |    yes     |      yes
 *   inbox_take, _wait |    yes     |  one taker |  one taker |      yes
 */
#ifndef DATAPLANE_INBOX_H
#define DATAPLANE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "dataplane/batch.h"

/*   [P] pushed by many   [O] the one taker   [A] any thread */
struct inbox {
	_Alignas(CACHE_LINE) struct cds_wfcq_tail tail;   /* [P] */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head head; /* [O] */
	_Alignas(CACHE_LINE) _Atomic uint32_t is_asleep;  /* [A] futex */
	_Atomic bool is_stopping;                         /* [A] */
	uint64_t busy_ns;                                 /* set once */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head
		taken_head;              /* [O] spliced, not yet handed out */
	struct cds_wfcq_tail taken_tail; /* [O] */
};

/* @busy_poll_us: how long the taker looks for work before it sleeps. */
void inbox_init(struct inbox *in, unsigned busy_poll_us);

/* Passes @b on, and wakes the taker if it sleeps. Any thread. */
void inbox_push(struct inbox *in, struct batch *b);

/* The oldest batch, or NULL when there is none (also while a push is half done: its wake-up is still
 * to come). The taker.
 */
struct batch *inbox_take(struct inbox *in);

/* Looks for work for a while, then sleeps until something was pushed or inbox_stop() was called, offline
 * for RCU. Returns false when
 * stopping and empty. The taker.
 */
bool inbox_wait(struct inbox *in);

/* True when the taker sleeps and nothing waits for it: then the caller may do the work itself and
 * spare the wake-up. Only a hint.
 */
static inline bool inbox_is_asleep(struct inbox *in)
{
	return atomic_load_explicit(&in->is_asleep, memory_order_relaxed) &&
	       cds_wfcq_empty(&in->head, &in->tail);
}

void inbox_stop(struct inbox *in);

#endif
