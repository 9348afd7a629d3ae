/* SPDX-License-Identifier: MIT */
/* virtual_queue.h - how long what was sent over a path has still to stand in its queue.
 *
 * A clock that runs ahead: each packet moves it by the time that the path needs for it at its
 * capacity, so the distance to now is the queue, without asking anybody (GCRA, ITU-T I.371). What
 * packets really waited is told later by their one-way delay. The least of the latest differences
 * between the two corrects the clock, by half of it: least, for jitter only ever adds. Corrections
 * made after a packet left are no error of the prediction for it, hence the running sum that a
 * record keeps.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_VIRTUAL_QUEUE_H
#define SCHED_VIRTUAL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTUAL_QUEUE_ERRORS 8u

/* All zero: empty. */
struct virtual_queue {
	uint64_t busy_ns;     /* when it will be empty */
	int64_t corrected_ns; /* sum of all corrections */
	int64_t error_ns[VIRTUAL_QUEUE_ERRORS];
	unsigned errors; /* ever noted */
};

/* What a packet found when it was sent, and what it met. */
struct virtual_queue_sample {
	int64_t met_ns;       /* its delay above that of an empty path */
	int64_t predicted_ns; /* virtual_queue_ns() before it was added */
	int64_t corrected_ns; /* of struct virtual_queue at that time */
};

static inline uint64_t virtual_queue_ns(const struct virtual_queue *q, uint64_t now_ns)
{
	return q->busy_ns > now_ns ? q->busy_ns - now_ns : 0;
}

static inline void virtual_queue_add(struct virtual_queue *q, uint64_t cost_ns, uint64_t now_ns)
{
	q->busy_ns = (q->busy_ns > now_ns ? q->busy_ns : now_ns) + cost_ns;
}

/* @jitter_ns: half of it is not believed to be queue. @may_shrink: false where a path throws away
 * instead of queueing, and so a queue shorter than predicted proves nothing.
 */
void virtual_queue_measured(struct virtual_queue *q, const struct virtual_queue_sample *sample,
                            uint64_t jitter_ns, bool may_shrink, uint64_t now_ns);

#endif
