/* SPDX-License-Identifier: MIT */
/* owd.h - the one-way delay of a path: what of it is way, what is queue, what is jitter.
 *
 * A delay is the receiver's time of arrival less the sender's of departure. Their clocks have
 * nothing to do with each other, but what they differ by is the same for all paths of a peer, and
 * only differences are used.
 *
 * The way alone (base) is the least delay of the last 20 s. A longer way after a change of route
 * would so look like a queue for 20 s: therefore the least of the last six samples that met no
 * queue for certain (a probe over a path that is idle, or was kept so for a moment) lifts the base
 * by up to 40 ms. Nothing changes without samples, so an idle path keeps what it knew.
 *
 * Sources: base and queue as in LEDBAT (RFC 6817), jitter as RFC 3550 6.4.1.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_OWD_H
#define SCHED_OWD_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define OWD_SLOTS        8u
#define OWD_SLOT_NS      (2500 * NS_PER_MS)
#define OWD_CLEAN_KEPT   6u
#define OWD_CLEAN_MIN    4u /* so many clean samples lift the base */
#define OWD_LIFT_MAX_NS  (40 * NS_PER_MS)
#define OWD_SURPRISED_NS (2 * NS_PER_MS) /* a clean sample so far above the base, and jitter */

/* All zero: nothing known. */
struct owd {
	bool is_known;
	int64_t last_ns, base_ns;
	uint64_t jitter_ns;
	int64_t least_ns[OWD_SLOTS]; /* of a slot of time each */
	unsigned slots, slot;        /* in use; the present one */
	uint64_t slot_at_ns;         /* when that began */
	int64_t clean_ns[OWD_CLEAN_KEPT];
	unsigned clean; /* ever noted */
};

/* A packet needed @owd_ns. @is_clean: it met no queue. Returns true when it should be measured
 * soon again by a clean sample, because the base may have changed.
 */
bool owd_sample(struct owd *o, int64_t owd_ns, bool is_clean, uint64_t now_ns);

/* The queue that the last sample met; the least of many is what stands. */
static inline int64_t owd_queue_ns(const struct owd *o)
{
	return o->last_ns - o->base_ns;
}

#endif
