/* SPDX-License-Identifier: MIT */
/* trains.h - how long the datagrams of a train (UDP_SEGMENT) may be: on a link, on a path.
 *
 * A train is refused for want of a checksum offload, which is a matter of the device and so of the
 * link (EIO), or because its datagrams are longer than the MTU, which is a matter of where they go
 * and so of the path (EMSGSIZE, EINVAL). Single datagrams leave in fragments then. The data plane's
 * threads lower a limit, control alone raises it again.
 */
#ifndef DATAPLANE_TRAINS_H
#define DATAPLANE_TRAINS_H

#include <stdatomic.h>
#include <stdint.h>

#define TRAIN_ANY UINT16_MAX /* bytes: no limit */

struct train_limit {
	_Atomic uint16_t max;   /* bytes of the longest datagram in a train; 0: there are none */
	_Atomic int refused_by; /* errno of the newest refusal that control has not told; 0: none */
};

/* Relaxed everywhere: only the values count, and a datagram more or less in a train does not. */

static inline unsigned train_limit_max(const struct train_limit *limit)
{
	return atomic_load_explicit(&limit->max, memory_order_relaxed);
}

/* Control: before others know it, or to let longer ones be tried again. */
static inline void train_limit_set(struct train_limit *limit, uint16_t max)
{
	atomic_store_explicit(&limit->refused_by, 0, memory_order_relaxed);
	atomic_store_explicit(&limit->max, max, memory_order_relaxed);
}

/* A train of longer datagrams was refused with @error. Any thread. */
static inline void train_limit_lower(struct train_limit *limit, uint16_t max, int error)
{
	uint16_t known = atomic_load_explicit(&limit->max, memory_order_relaxed);

	while (max < known &&
	       !atomic_compare_exchange_weak_explicit(&limit->max, &known, max,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
	atomic_store_explicit(&limit->refused_by, error, memory_order_relaxed);
}

/* The errno that is to be told, once; 0: none. Control. */
static inline int train_limit_take_error(struct train_limit *limit)
{
	return atomic_exchange_explicit(&limit->refused_by, 0, memory_order_relaxed);
}

#endif
