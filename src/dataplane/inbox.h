/* SPDX-License-Identifier: MIT */
/* inbox.h - batches handed from many threads to one, with at most one wake-up per hand-over.
 *
 * A liburcu wfcqueue with a futex for the case that the taker sleeps. It has no bound of its own:
 * the pools of the threads that push are the bound. The taker splices the whole queue at once.
 *
 *                          | inbox_push, _nudge | inbox_take | inbox_wait | inbox_is_asleep, _load
 *   inbox_push, inbox_nudge |        yes         |    yes     |    yes     |      yes
 *   inbox_take, _wait       |        yes         |  one taker |  one taker |      yes
 */
#ifndef DATAPLANE_INBOX_H
#define DATAPLANE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "dataplane/batch.h"
#include "vtrunkd/limits.h"

/*   [P] pushed by many   [O] the one taker   [A] any thread */
struct inbox {
	_Alignas(CACHE_LINE) struct cds_wfcq_tail tail;   /* [P] */
	_Atomic unsigned pushed;                          /* [P] batches; wraps around */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head head; /* [O] */
	_Alignas(CACHE_LINE) _Atomic uint32_t is_asleep;  /* [A] futex */
	_Atomic bool is_nudged;                           /* [A] */
	_Atomic bool is_stopping;                         /* [A] */
	uint64_t busy_ns;                                 /* set once */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head
		taken_head;              /* [O] spliced, not yet handed out */
	struct cds_wfcq_tail taken_tail; /* [O] */
	_Atomic unsigned done;           /* [O] writes, [A] read: batches worked on; wraps around */
	bool is_working;                 /* [O] on the one taken last */
};

/* @busy_poll_us: how long the taker looks for work before it sleeps. */
void inbox_init(struct inbox *in, unsigned busy_poll_us);

/* Passes @b on, and wakes the taker if it sleeps. Any thread. */
void inbox_push(struct inbox *in, struct batch *b);

/* The oldest batch, or NULL when there is none (also while a push is half done: its wake-up is
 * still to come). The work on the one before is done by then. The taker.
 */
struct batch *inbox_take(struct inbox *in);

/* Makes inbox_wait() return once although nothing was pushed: the taker has something else to look
 * at. Any thread.
 */
void inbox_nudge(struct inbox *in);

/* Looks for work for a while, then sleeps until something was pushed, inbox_nudge() or inbox_stop()
 * was called, or it is @until_ns (boot time; NEVER_NS: no end); offline for RCU. Returns false when
 * stopping and empty. The taker.
 */
bool inbox_wait_until(struct inbox *in, uint64_t until_ns);

static inline bool inbox_wait(struct inbox *in)
{
	return inbox_wait_until(in, NEVER_NS);
}

/* True when the taker sleeps and nothing waits for it. Only a hint. */
static inline bool inbox_is_asleep(struct inbox *in)
{
	return atomic_load_explicit(&in->is_asleep, memory_order_relaxed) &&
	       cds_wfcq_empty(&in->head, &in->tail);
}

/* Batches that wait and the one that is being worked on. Only a hint. */
static inline unsigned inbox_load(const struct inbox *in)
{
	/* In this order: what is done was pushed before, so it is never less than nothing. */
	unsigned done = atomic_load_explicit(&in->done, memory_order_acquire);

	return atomic_load_explicit(&in->pushed, memory_order_relaxed) - done;
}

/* True when the taker sleeps or is about to: whoever has a batch in hand may do the work and spare
 * the wake-up. One that looks for work before it sleeps wants to be given it. Only a hint.
 */
static inline bool inbox_is_idle(struct inbox *in)
{
	return in->busy_ns ? inbox_is_asleep(in) : inbox_load(in) == 0;
}

void inbox_stop(struct inbox *in);

#endif
