/* SPDX-License-Identifier: MIT */
#include "control/source.h"

#include "control/control.h"
#include "control/line.h"
#include "control/peer_paths.h"
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

static bool is_pinned(const struct path *path)
{
	return path_is_used(path) && path_has_target(path) && path->route.link->is_wildcard &&
	       endpoint_family(&path->route.local) != AF_UNSPEC;
}

static void forget(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct route route = {.link = path->route.link, .remote = path->route.remote};

	peer_set_route(peer, path, &route, now_ns);
}

static void check(struct peer *peer, struct path *path, const struct ifaddrs *list, uint64_t now_ns)
{
	char local[ENDPOINT_TEXT_LEN];

	if (!is_pinned(path) ||
	    !source_is_stale(&path->route,
	                     &uplink_of(&peer->control->uplinks, path->route.link)->line, list))
		return;
	log_debug("peer=%s path=%u link=%s: no longer sends from %s", peer->name,
	          path_id(&peer->paths, path), path->route.link->name,
	          endpoint_format(&path->route.local, local));
	forget(peer, path, now_ns);
}

void sources_check(struct control *control, uint64_t now_ns)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;
	for (size_t i = 0; i < control->peer_count; i++)
		for (unsigned k = 0; k < PATHS_MAX; k++)
			check(control->peers[i], &control->peers[i]->paths.slot[k], list, now_ns);
	freeifaddrs(list);
}

void source_check(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct ifaddrs *list;

	if (!is_pinned(path) || getifaddrs(&list))
		return;
	check(peer, path, list, now_ns);
	freeifaddrs(list);
}

void sources_forget(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		if (is_pinned(&peer->paths.slot[i]))
			forget(peer, &peer->paths.slot[i], now_ns);
}
