/* SPDX-License-Identifier: MIT */
/* route_changes.h - which routes lead from those of one state to those of another.
 *
 * Routes are sets: a prefix that several peers are allowed is one, which comes with the first of
 * them and goes with the last. Nothing is done to the system here. Any thread.
 */
#ifndef CONTROL_ROUTE_CHANGES_H
#define CONTROL_ROUTE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix.h"

/* All zero: nothing to do. */
struct route_changes {
	struct prefix *remove, *add; /* each once */
	size_t remove_count, add_count;
};

/* Returns 0 or -ENOMEM, with nothing kept. */
int route_changes_init(struct route_changes *changes, const struct prefix *from, size_t from_count,
                       const struct prefix *to, size_t to_count);

static inline bool route_changes_is_empty(const struct route_changes *changes)
{
	return !changes->remove_count && !changes->add_count;
}

/* Leaves nothing. Also for one of all zero. */
void route_changes_fini(struct route_changes *changes);

#endif
