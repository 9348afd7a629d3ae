/* SPDX-License-Identifier: MIT */
/* reference.h - how many hold an object that several threads share.
 *
 * Zero is final: who finds an object in a table whose last holder has let go is refused. So an
 * object is freed after a grace period by whoever gave the last reference back, and looked up under
 * RCU meanwhile. All calls from any thread, beside each other.
 */
#ifndef BASE_REFERENCE_H
#define BASE_REFERENCE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

struct reference {
	_Atomic unsigned held;
};

/* One, its maker's. Before others know the object. */
static inline void reference_init(struct reference *ref)
{
	atomic_init(&ref->held, 1);
}

/* Takes another one. False when the last is gone already, which it cannot be while the caller holds
 * one. Relaxed: a reference orders nothing, what it guards was published through RCU or handed over
 * by the caller's own reference.
 */
static inline bool reference_get(struct reference *ref)
{
	unsigned held = atomic_load_explicit(&ref->held, memory_order_relaxed);

	do {
		if (held == 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&ref->held, &held, held + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* Gives one back. True for the last: the caller sees to the end of the object. Release: what this
 * holder did to the object comes before its end; acquire, in the last holder, is the partner.
 */
static inline bool reference_put(struct reference *ref)
{
	unsigned held = atomic_fetch_sub_explicit(&ref->held, 1, memory_order_acq_rel);

	assert(held > 0);
	return held == 1;
}

/* Whether the caller's is the only one. Acquire: what former holders did to the object comes
 * before.
 */
static inline bool reference_is_sole(const struct reference *ref)
{
	return atomic_load_explicit(&ref->held, memory_order_acquire) == 1;
}

/* For tests and statistics: may be another number when it is looked at. */
static inline unsigned reference_count(const struct reference *ref)
{
	return atomic_load_explicit(&ref->held, memory_order_relaxed);
}

#endif
