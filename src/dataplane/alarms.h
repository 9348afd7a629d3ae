/* SPDX-License-Identifier: MIT */
/* alarms.h - when to look at something again though nothing happens: the alarms that a worker
 * keeps.
 *
 * An alarm lies in what it is about, say a peer. One thread at a time sets it, whoever has the role
 * that it belongs to; the worker that keeps it rings it. To set it is a store and a load in most
 * cases: the worker is told only when it would look too late. One that was set to a later time, or
 * to none, is found to be so when the worker looks, which then looks later, or not at all.
 *
 * What it lies in is held as long as the worker knows of it: until it looks, at the time it was
 * told.
 *
 *   [I] set once   [A] any thread   [W] the worker
 *
 *                 | alarm_set | alarms_take, _run, _clear
 *   alarm_set     |  one per  |           yes
 *                 |   alarm   |
 *   alarms_take.. |    yes    |        one worker
 */
#ifndef DATAPLANE_ALARMS_H
#define DATAPLANE_ALARMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "base/deadline.h"

struct alarm;

/* What is to be done with one. */
struct alarm_kind {
	/* It is time; @context is that of the worker's alarms. May set it anew. */
	void (*ring)(struct alarm *alarm, void *context, uint64_t now_ns);
	/* Another reference to what it lies in; false: it is going, nobody shall look any more. */
	bool (*hold)(struct alarm *alarm);
	void (*release)(struct alarm *alarm);
};

struct alarm {
	const struct alarm_kind *kind; /* [I] */
	_Atomic uint64_t at_ns;        /* [A] when it is to ring; NEVER_NS: not at all */
	_Atomic uint64_t look_ns; /* [W] writes, [A] read: when the worker looks, or NEVER_NS */
	_Atomic bool is_told;     /* [A] told_node is in the queue */
	struct cds_wfcq_node told_node; /* in the worker's queue of those that are to ring sooner */
	struct deadline deadline;       /* [W] set: at look_ns */
	struct alarms *keeper;          /* [W] */
};

/* Those of one worker. */
struct alarms {
	struct deadline_heap heap;                             /* [W] */
	void *context;                                         /* [I] of the worker */
	_Alignas(CACHE_LINE) struct cds_wfcq_tail told_tail;   /* [A] */
	_Alignas(CACHE_LINE) struct __cds_wfcq_head told_head; /* [W] */
};

/* So much later the worker looks again when it rang in vain: nothing was done that would have set
 * the alarm anew, because another thread is at it, or for want of memory.
 */
#define ALARM_AGAIN_NS NS_PER_MS

void alarm_init(struct alarm *alarm, const struct alarm_kind *kind);

/* It is to ring at @at_ns, NEVER_NS for not at all, by the worker that keeps @alarms: always the
 * same. True when that was told something new and has to be woken if it sleeps.
 */
bool alarm_set(struct alarm *alarm, struct alarms *alarms, uint64_t at_ns);

/* It is not to ring. As alarm_set(). */
static inline void alarm_unset(struct alarm *alarm)
{
	atomic_store_explicit(&alarm->at_ns, NEVER_NS, memory_order_relaxed);
}

static inline uint64_t alarm_at_ns(const struct alarm *alarm)
{
	return atomic_load_explicit(&alarm->at_ns, memory_order_relaxed);
}

/* With room for @count at a time; should there be more, those too many ring at once. 0 or -ENOMEM.
 */
int alarms_init(struct alarms *alarms, unsigned count, void *context);

/* Nobody sets one any more. Lets go of all. Also for one that is all zero. */
void alarms_fini(struct alarms *alarms);

/* Takes in what was told since. Returns when to look, NEVER_NS for not at all. */
uint64_t alarms_take(struct alarms *alarms);

/* Rings those whose time has come. */
void alarms_run(struct alarms *alarms, uint64_t now_ns);

/* Lets go of all, rung or not. Also for one that is all zero. */
void alarms_clear(struct alarms *alarms);

/* Whether alarms_take() would find something, or alarms_run() might: a hint for who has no time. */
static inline bool alarms_have_any(struct alarms *alarms)
{
	return alarms->heap.count || !cds_wfcq_empty(&alarms->told_head, &alarms->told_tail);
}

#endif
