/* SPDX-License-Identifier: MIT */
#include "control/source.h"

#include "control/line.h"
#include "control/route.h"

bool source_is_stale(const struct route *route, const struct line *line, const struct ifaddrs *list)
{
	const struct ifaddrs *entry = line_of_address(list, &route->local);
	int owner;

	if (!entry || !line_can_send(entry))
		return !entry;
	owner = (int)if_nametoindex(entry->ifa_name);
	if (*line->device)
		return (int)if_nametoindex(line->device) != owner;
	return route_device(&route->remote, &route->local, line->fwmark) != owner;
}
