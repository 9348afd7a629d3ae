/* SPDX-License-Identifier: MIT */
/* route.h - single routes of the system: where an address goes, which way there is beside our
 * device, and host routes of ours that take it.
 *
 * Each call asks rtnetlink on a socket of its own and waits for the answer, which the kernel has at
 * once. They return 0 or a negative errno. Setting and clearing need CAP_NET_ADMIN. One thread
 * (control).
 */
#ifndef CONTROL_ROUTE_H
#define CONTROL_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/prefix.h"

/* The next hop of a route. */
struct route_hop {
	int ifindex;
	uint8_t gateway_family; /* AF_UNSPEC: on the link itself */
	bool has_source;
	uint8_t gateway[16], source[16]; /* network byte order; source: of the route's own family */
};

bool route_hop_equal(const struct route_hop *a, const struct route_hop *b);

/* The index of the device by which the system sends from @from (no family: any address) with mark
 * @mark to @to, or a negative errno: -ENETUNREACH and others where it would not.
 */
int route_device(const struct endpoint *to, const struct endpoint *from, uint32_t mark);

/* A route as far as it matters here. */
struct route_entry {
	struct prefix to;
	uint32_t metric;
	struct route_hop hop;
};

/* Whether @a is taken before @b, both of which hold the address: the longer one, then the smaller
 * metric.
 */
bool route_is_before(const struct route_entry *a, const struct route_entry *b);

/* How the main table would send to @to without the device @ifindex and without host routes of ours,
 * which a run that was killed may have left; @ret_has_host tells whether there is one to @to.
 * -ENETUNREACH when there is no such way.
 */
int route_beside(int ifindex, const struct endpoint *to, struct route_hop *ret, bool *ret_has_host);

/* A host route to @to by @hop, marked as ours; one that is there gives way. */
int route_set_host(const struct endpoint *to, const struct route_hop *hop);

/* Takes it back. 0 also when it is gone already. */
int route_clear_host(const struct endpoint *to, const struct route_hop *hop);

#endif
