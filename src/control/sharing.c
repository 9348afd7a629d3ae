/* SPDX-License-Identifier: MIT */
#include "control/sharing.h"

#include <net/if.h>
#include <stdio.h>

#include "control/paths.h"
#include "control/route.h"
#include "control/uplink.h"

/* A path that a peer left behind, as by a restart, is down by then. */
#define SETTLED_NS (10 * NS_PER_S)

/* ---- the device ---- */

int sharing_device(const struct path *path, uint32_t fwmark)
{
	const struct link *link = path->route.link;
	const struct endpoint *from = &path->route.local;
	int index;

	if (link->ifindex)
		return (int)link->ifindex;
	if (endpoint_family(from) == AF_UNSPEC && !link->is_wildcard)
		from = &link->bound;
	index = route_device(&path->route.remote, from, fwmark);
	return index > 0 ? index : 0;
}

/* That two links are tied to one device is said of the links. */
static bool is_on_one_device(const struct path *a, const struct path *b)
{
	return a->device && a->device == b->device &&
	       uplink_id_of(a->route.link) != uplink_id_of(b->route.link) &&
	       !(a->route.link->ifindex && b->route.link->ifindex);
}

/* ---- the address ---- */

static bool is_settled(const struct path *path, uint64_t now_ns)
{
	return !path_is_configured(path) && path->health.state == PATH_UP &&
	       now_ns >= path->health.since_ns + SETTLED_NS;
}

static bool is_from_one_address(const struct path *a, const struct path *b, uint64_t now_ns)
{
	struct endpoint from_a = a->route.remote, from_b = b->route.remote;

	endpoint_set_port(&from_a, 0);
	endpoint_set_port(&from_b, 0);
	return a->route.link == b->route.link && endpoint_equal(&from_a, &from_b) &&
	       is_settled(a, now_ns) && is_settled(b, now_ns);
}

/* ---- for people ---- */

const char *sharing_text(const struct paths *paths, const struct path *path, uint64_t now_ns,
                         char buf[static SHARING_TEXT_LEN])
{
	char device[IF_NAMESIZE];

	*buf = '\0';
	for (const struct path *other = paths->slot; other < path; other++) {
		if (!path_is_used(other) || !path_has_target(other))
			continue;
		if (is_on_one_device(path, other) &&
		    if_indextoname((unsigned)path->device, device)) {
			snprintf(buf, SHARING_TEXT_LEN,
			         "leaves by device %s as link %s does; two links on one line carry "
			         "no more than one",
			         device, other->route.link->name);
			break;
		}
		if (is_from_one_address(path, other, now_ns)) {
			snprintf(buf, SHARING_TEXT_LEN,
			         "comes from the same address as path %u; perhaps both use one "
			         "line, unless one address stands for two",
			         path_id(paths, other));
			break;
		}
	}
	return buf;
}
