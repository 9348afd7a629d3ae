/* SPDX-License-Identifier: MIT */
/* role.h - something that one thread at a time does for all who ask, and nobody waits.
 *
 * The count of what was asked for is the lock: whoever raises it from zero has the role and goes on
 * until it has seen every request that was counted meanwhile. Who asks has made known before what
 * it asks for; so either it has the role itself, or whoever has it looks again.
 *
 *    if (role_ask(r))
 *            for (unsigned seen = 1; seen; seen = role_leave(r, seen))
 *                    ... all there is to do ...
 *
 * The role may go to another thread in between, through a queue of theirs: it goes on with
 * @seen = 1.
 */
#ifndef DATAPLANE_ROLE_H
#define DATAPLANE_ROLE_H

#include <stdatomic.h>
#include <stdbool.h>

/* All zero: nobody has it. */
struct role {
	_Atomic unsigned asked; /* since it was last given up */
};

/* True: the caller has the role now. Acquire: it sees what was done in the role before; release:
 * whoever has it sees what was made known before.
 */
static inline bool role_ask(struct role *r)
{
	return atomic_fetch_add_explicit(&r->asked, 1, memory_order_acq_rel) == 0;
}

/* Gives it up, unless more was asked for than the @seen requests that were known when looking
 * began. Returns how many are not seen yet: the role is still the caller's unless it is 0.
 */
static inline unsigned role_leave(struct role *r, unsigned seen)
{
	return atomic_fetch_sub_explicit(&r->asked, seen, memory_order_acq_rel) - seen;
}

#endif
