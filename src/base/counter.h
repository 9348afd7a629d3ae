/* SPDX-License-Identifier: MIT */
/* counter.h - statistics: any thread reads them, and each says whether one or several write. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter_t;

/* For a counter with one writer at a time: no locked instruction. Relaxed, because a reader wants
 * a recent value and no order between counters.
 */
static inline void counter_add(counter_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

/* For a counter with several writers. */
static inline void counter_add_shared(counter_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
