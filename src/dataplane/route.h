/* SPDX-License-Identifier: MIT */
/* route.h - the way of a datagram: one of our links, and the addresses at both ends.
 *
 * A path of a peer leads along one route at a time; its number, 0 .. PATHS_MAX - 1, is what batches
 * and frames carry. A route is a plain value. The link lies in the engine and outlives every route.
 */
#ifndef DATAPLANE_ROUTE_H
#define DATAPLANE_ROUTE_H

#include <stdbool.h>

#include "base/endpoint.h"

struct link;

/* In place of a path's number. */
#define PATH_NONE 0xffu
#define PATH_ANY  0xfeu
#define PATH_LOST 0xfdu /* of a plain peer that is on no path: wherever it speaks it is found */

/* Where a datagram came from or goes to. */
struct route {
	struct link *link;
	struct endpoint remote;
	struct endpoint local; /* our address, port ignored; family AF_UNSPEC: not known, any */
};

/* The same link and the same remote address, whichever of our own it is. */
static inline bool route_is_same_way(const struct route *a, const struct route *b)
{
	return a->link == b->link && endpoint_equal(&a->remote, &b->remote);
}

#endif
