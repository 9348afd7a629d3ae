/* SPDX-License-Identifier: MIT */
/* link_wishes.h - what an end of a path wants of its link, and what becomes of the wishes of both.
 *
 * Each end is configured by itself and tells the other. Of roles the more reluctant holds, of
 * weights the greater: whatever one end leaves at its default, which is the least of either, the
 * other one decides. Both ends reckon the same, so one file serves both directions.
 *
 * Pure.
 */
#ifndef SCHED_LINK_WISHES_H
#define SCHED_LINK_WISHES_H

#include <stdint.h>

#include "vtrunkd/wire.h"

struct link_wishes {
	enum link_role role;
	uint32_t weight; /* 1 .. LINK_WEIGHT_MAX */
};

/* Of what goes over the link of one end: what that sends, and what the other end sends there. In
 * kbit/s; 0: none.
 */
struct link_limits {
	uint32_t up_kbps, down_kbps;
};

/* Of a path whose ends wish @a and @b. */
struct link_wishes link_wishes_of_both(const struct link_wishes *a, const struct link_wishes *b);

/* "primary", "overflow" or "backup". */
const char *link_role_name(enum link_role role);

#endif
