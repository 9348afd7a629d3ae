/* SPDX-License-Identifier: MIT */
/* report_box.h - the newest report of a peer, from whoever delivers to whoever numbers.
 *
 * A report says everything anew, so one that was not looked at when the next came is not missed.
 * There are three: one is being written, one read, and the one between is exchanged for either.
 * Nobody waits.
 *
 * One thread at a time on each side:
 *
 *   [D] whoever delivers   [E] whoever has the role of the outflow
 */
#ifndef DATAPLANE_REPORT_BOX_H
#define DATAPLANE_REPORT_BOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/align.h"
#include "sched/report.h"

struct report_box {
	_Alignas(CACHE_LINE) _Atomic unsigned between; /* [A] which; REPORT_BOX_NEW: to be read */
	unsigned written, read;                        /* [D] [E] which one is theirs */
	struct report report[3];
};

#define REPORT_BOX_NEW 4u

static inline void report_box_init(struct report_box *box)
{
	*box = (struct report_box){.between = 0, .written = 1, .read = 2};
}

/* Where the next one is to be written. [D] */
static inline struct report *report_box_next(struct report_box *box)
{
	return &box->report[box->written];
}

/* What was written there is the newest. [D] */
static inline void report_box_put(struct report_box *box)
{
	/* Release: it is seen as written. Acquire: whoever had the other has read it. */
	box->written = atomic_exchange_explicit(&box->between, box->written | REPORT_BOX_NEW,
	                                        memory_order_acq_rel) &
	               ~REPORT_BOX_NEW;
}

/* The newest, if it was not taken before, else NULL. Valid until the next call. [E] */
static inline const struct report *report_box_take(struct report_box *box)
{
	if (!(atomic_load_explicit(&box->between, memory_order_relaxed) & REPORT_BOX_NEW))
		return NULL;
	box->read = atomic_exchange_explicit(&box->between, box->read, memory_order_acq_rel) &
	            ~REPORT_BOX_NEW;
	return &box->report[box->read];
}

#endif
