/* SPDX-License-Identifier: MIT */
/* departures.h - when runs left on a path: told by whoever sends to whoever numbers them.
 *
 * A run is numbered in the role of the peer's outflow and leaves in that of the path, later and as
 * a rule on another thread. A queue of the latest, without a lock: who sends puts in, who numbers
 * takes out. It is emptied at every turn of the outflow; should it be full all the same, what does
 * not fit is forgotten, and of that run the time of its numbering is known alone.
 *
 * One thread at a time on each side:
 *
 *   [S] whoever sends on the path   [E] whoever has the role of the outflow
 */
#ifndef DATAPLANE_DEPARTURES_H
#define DATAPLANE_DEPARTURES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"

#define DEPARTURES_MAX 256u /* a power of two; what one turn numbers at most */

struct departure {
	uint64_t counter; /* the first of the run, with its lane */
	uint64_t at_ns;   /* boot time */
	uint32_t key;     /* the peer's index of the keypair */
};

/* All zero: empty. */
struct departures {
	_Alignas(CACHE_LINE) _Atomic uint32_t put;   /* [S] writes; so many were put in, wraps */
	_Alignas(CACHE_LINE) _Atomic uint32_t taken; /* [E] writes; and taken out */
	struct departure slot[DEPARTURES_MAX];
};

/* [S] */
static inline void departures_put(struct departures *d, uint64_t counter, uint32_t key,
                                  uint64_t at_ns)
{
	uint32_t put = atomic_load_explicit(&d->put, memory_order_relaxed);

	/* Acquire: the slot was read before it is written anew. */
	if (put - atomic_load_explicit(&d->taken, memory_order_acquire) == DEPARTURES_MAX)
		return;
	d->slot[put % DEPARTURES_MAX] =
		(struct departure){.counter = counter, .at_ns = at_ns, .key = key};
	atomic_store_explicit(&d->put, put + 1, memory_order_release);
}

/* The next one; false: there is none. [E] */
static inline bool departures_take(struct departures *d, struct departure *ret)
{
	uint32_t taken = atomic_load_explicit(&d->taken, memory_order_relaxed);

	if (taken == atomic_load_explicit(&d->put, memory_order_acquire))
		return false;
	*ret = d->slot[taken % DEPARTURES_MAX];
	atomic_store_explicit(&d->taken, taken + 1, memory_order_release);
	return true;
}

#endif
