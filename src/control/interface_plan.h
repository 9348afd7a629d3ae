/* SPDX-License-Identifier: MIT */
/* interface_plan.h - what our device is to have beside its MTU: addresses, and routes to what the
 * peers are allowed.
 *
 * A copy, so that what somebody took from the device can be put back when the state that asked for
 * it is gone. One thread (control).
 */
#ifndef CONTROL_INTERFACE_PLAN_H
#define CONTROL_INTERFACE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix.h"

struct desired;

/* All zero: nothing. */
struct interface_plan {
	struct prefix *addresses; /* host bits kept */
	size_t address_count;
	struct prefix destination; /* family 0: none; else point to point */
	struct prefix *routes;     /* in the order of the peers; none unless they are wanted */
	size_t route_count;
};

/* Returns 0 or -ENOMEM, with nothing kept. */
int interface_plan_init(struct interface_plan *plan, const struct desired *wanted);

/* Leaves nothing. Also for one of all zero. */
void interface_plan_fini(struct interface_plan *plan);

/* Whether the kernel makes the route to @prefix by itself, together with one of the addresses. */
bool interface_plan_comes_by_itself(const struct interface_plan *plan, const struct prefix *prefix);

#endif
