/* SPDX-License-Identifier: MIT */
#include "control/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/desired.h"
#include "control/doors.h"
#include "control/loop.h"
#include "control/peer_links.h"
#include "control/peers.h"
#include "dataplane/engine.h"

/* How long a link that goes waits for what peers said over it at last. */
#define FAREWELL_MS 100u

/* ---- what links do to the world ---- */

static struct links *links_of(struct uplink_effects *fx)
{
	return caa_container_of(fx, struct links, fx);
}

static int watch(struct uplink_effects *fx, struct link *link)
{
	return doors_open(links_of(fx)->doors, link);
}

static void unwatch(struct uplink_effects *fx, struct link *link)
{
	doors_close(links_of(fx)->doors, link);
}

static int start(struct uplink_effects *fx, struct link *link, int cpu)
{
	struct doors *doors = links_of(fx)->doors;
	int r = doors_reserve(doors, link);

	if (r)
		return r;
	r = engine_link_start(links_of(fx)->engine, link, cpu);
	if (r)
		doors_close(doors, link);
	return r ? r : doors_open(doors, link);
}

static void stop(struct uplink_effects *fx, struct link *link)
{
	unwatch(fx, link);
	engine_link_stop(links_of(fx)->engine, link);
}

static void wake_at(struct uplink_effects *fx, struct deadline *d, uint64_t at_ns)
{
	/* Cannot fail: room for every pair of sockets was reserved at the start. */
	deadline_set(&links_of(fx)->loop->deadlines, d, at_ns);
}

static void failed(struct uplink_effects *fx, struct link *link, const char *reason,
                   uint64_t now_ns)
{
	const struct links *links = links_of(fx);

	for (size_t i = 0; i < links->peers->count; i++) {
		struct peer *peer = links->peers->at[i];

		peer_link_failed(peer, link, reason, now_ns);
		deadline_set(&links->loop->deadlines, &peer->deadline, now_ns);
	}
}

static void back(struct uplink_effects *fx, struct link *link, uint64_t now_ns)
{
	const struct links *links = links_of(fx);

	for (size_t i = 0; i < links->peers->count; i++) {
		struct peer *peer = links->peers->at[i];

		peer_link_back(peer, link, now_ns);
		deadline_set(&links->loop->deadlines, &peer->deadline, now_ns);
	}
}

/* ---- start ---- */

struct link_wishes links_wishes_of(const struct desired_link *link)
{
	return (struct link_wishes){.role = link->role, .weight = link->weight};
}

static struct uplink_settings settings_of(const struct desired *config,
                                          const struct desired_link *link, unsigned id)
{
	const struct desired_cpus *cpus = &config->cpus_rx;
	struct uplink_settings set = {.line = {.bind = link->bind,
	                                       .any_device = link->any_device,
	                                       .has_fwmark = link->has_fwmark,
	                                       .fwmark = link->fwmark},
	                              .both_families = link->both_families,
	                              .has_offloads = config->has_offloads,
	                              .wishes = links_wishes_of(link),
	                              .limits = link->limits,
	                              .rx_cpu = cpus->count ? cpus->cpu[id % cpus->count] : -1,
	                              .error_backoff_ns = config->error_backoff_ns};

	snprintf(set.name, sizeof set.name, "%s", link->name);
	if (link->device)
		snprintf(set.line.device, sizeof set.line.device, "%s", link->device);
	return set;
}

void links_init(struct links *links)
{
	links->fx = (struct uplink_effects){.start = start,
	                                    .stop = stop,
	                                    .unwatch = unwatch,
	                                    .watch = watch,
	                                    .wake_at = wake_at,
	                                    .failed = failed,
	                                    .back = back};
	uplinks_init(links->uplinks, &links->fx);
}

void links_add(struct links *links, const struct desired *wanted, const struct desired_link *link)
{
	unsigned id = uplinks_next_id(links->uplinks);
	struct uplink_settings set = settings_of(wanted, link, id);
	struct link *pair[LINK_FAMILIES];

	for (unsigned k = 0; k < LINK_FAMILIES; k++)
		pair[k] = engine_link(links->engine, id * LINK_FAMILIES + k);
	uplinks_add(links->uplinks, &set, pair, links->loop->now_ns);
}

int links_find(const struct links *links, const char *name)
{
	const struct uplink *uplink = uplinks_find(links->uplinks, name);

	return uplink ? (int)uplink->id : -1;
}

static void tell_closed(const struct links *links, const struct link *link, bool is_gone)
{
	for (size_t i = 0; i < links->peers->count; i++) {
		struct peer *peer = links->peers->at[i];

		if (is_gone)
			peer_link_gone(peer, link, links->loop->now_ns);
		else
			peer_link_closed(peer, link, links->loop->now_ns);
	}
}

void links_remove(struct links *links, const char *name)
{
	struct uplink *uplink = uplinks_find(links->uplinks, name);

	if (!uplink)
		return;
	for (unsigned k = 0; k < LINK_FAMILIES; k++)
		tell_closed(links, uplink->pair[k].link, true);
	engine_await_sent(links->engine, FAREWELL_MS);
	uplinks_remove(links->uplinks, uplink);
	uplink_left(uplink, clock_boot_ns()); /* the turn began before that */
}

/* The second time in a list of changes there is nothing open any more. */
void links_change(struct links *links, const struct desired *wanted,
                  const struct desired_link *link)
{
	struct uplink *uplink = uplinks_find(links->uplinks, link->name);
	struct uplink_settings set = settings_of(wanted, link, uplink->id);

	for (unsigned k = 0; uplink->is_opened && k < LINK_FAMILIES; k++) {
		const struct uplink_pair *pair = &uplink->pair[k];

		tell_closed(links, pair->link, !uplink_settings_allow(&set, pair->family));
	}
	uplink_set_line(uplink, &set, links->loop->now_ns);
	uplink_left(uplink, clock_boot_ns());
}

/* One that no endpoint is meant for waits to be contacted, over IPv4. */
static void families_of_endpoints(const struct peers *peers, unsigned id, bool ret[LINK_FAMILIES])
{
	bool has_endpoint = false;

	for (size_t i = 0; i < peers->count; i++)
		has_endpoint |= endpoints_families(&peers->at[i]->endpoints, id, ret);
	ret[0] |= !has_endpoint;
}

int links_open(struct links *links, uint64_t now_ns)
{
	for (unsigned i = 0; i < links->uplinks->count; i++) {
		struct uplink *uplink = &links->uplinks->uplink[i];
		bool is_named[LINK_FAMILIES] = {false};
		int r;

		if (!uplink->is_used || uplink->is_opened)
			continue;
		if (endpoint_family(&uplink->line.bind) == AF_UNSPEC) {
			families_of_endpoints(links->peers, i, is_named);
		} else {
			is_named[0] = uplink_allows(uplink, AF_INET);
			is_named[1] = uplink_allows(uplink, AF_INET6);
		}
		r = uplink_open(uplink, is_named, now_ns);
		if (r)
			return r;
	}
	return 0;
}
