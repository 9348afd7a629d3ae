/* SPDX-License-Identifier: MIT */
#include "control/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "control/gate.h"
#include "control/peer_links.h"

/* How long a link that goes waits for what peers said over it at last. */
#define FAREWELL_MS 100u

/* ---- what links do to the world ---- */

static struct control *control_of(struct uplink_effects *fx)
{
	return caa_container_of(fx, struct control, uplink_fx);
}

static int watch(struct uplink_effects *fx, struct link *link)
{
	return doors_open(gate_doors(control_of(fx)->gate), link);
}

static void unwatch(struct uplink_effects *fx, struct link *link)
{
	doors_close(gate_doors(control_of(fx)->gate), link);
}

static int start(struct uplink_effects *fx, struct link *link, int cpu)
{
	struct doors *doors = gate_doors(control_of(fx)->gate);
	int r = doors_reserve(doors, link);

	if (r)
		return r;
	r = engine_link_start(control_of(fx)->engine, link, cpu);
	if (r)
		doors_close(doors, link);
	return r ? r : doors_open(doors, link);
}

static void stop(struct uplink_effects *fx, struct link *link)
{
	unwatch(fx, link);
	engine_link_stop(control_of(fx)->engine, link);
}

static void wake_at(struct uplink_effects *fx, struct deadline *d, uint64_t at_ns)
{
	/* Cannot fail: room for every pair of sockets was reserved at the start. */
	deadline_set(&control_of(fx)->loop.deadlines, d, at_ns);
}

static void failed(struct uplink_effects *fx, struct link *link, const char *reason,
                   uint64_t now_ns)
{
	struct control *control = control_of(fx);

	for (size_t i = 0; i < control->peers.count; i++) {
		peer_link_failed(control->peers.at[i], link, reason, now_ns);
		deadline_set(&control->loop.deadlines, &control->peers.at[i]->deadline, now_ns);
	}
}

static void back(struct uplink_effects *fx, struct link *link, uint64_t now_ns)
{
	struct control *control = control_of(fx);

	for (size_t i = 0; i < control->peers.count; i++) {
		peer_link_back(control->peers.at[i], link);
		deadline_set(&control->loop.deadlines, &control->peers.at[i]->deadline, now_ns);
	}
}

/* ---- start ---- */

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
	                              .weight = link->weight,
	                              .rx_cpu = cpus->count ? cpus->cpu[id % cpus->count] : -1,
	                              .error_backoff_ns = config->error_backoff_ns};

	snprintf(set.name, sizeof set.name, "%s", link->name);
	if (link->device)
		snprintf(set.line.device, sizeof set.line.device, "%s", link->device);
	return set;
}

void links_init(struct control *control)
{
	control->uplink_fx = (struct uplink_effects){.start = start,
	                                             .stop = stop,
	                                             .unwatch = unwatch,
	                                             .watch = watch,
	                                             .wake_at = wake_at,
	                                             .failed = failed,
	                                             .back = back};
	uplinks_init(&control->uplinks, &control->uplink_fx);
}

void links_add(struct control *control, const struct desired *wanted,
               const struct desired_link *link)
{
	unsigned id = uplinks_next_id(&control->uplinks);
	struct uplink_settings set = settings_of(wanted, link, id);
	struct link *links[LINK_FAMILIES];

	for (unsigned k = 0; k < LINK_FAMILIES; k++)
		links[k] = engine_link(control->engine, id * LINK_FAMILIES + k);
	uplinks_add(&control->uplinks, &set, links, control->loop.now_ns);
}

int links_find(struct control *control, const char *name)
{
	const struct uplink *uplink = uplinks_find(&control->uplinks, name);

	return uplink ? (int)uplink->id : -1;
}

void links_remove(struct control *control, const char *name)
{
	struct uplink *uplink = uplinks_find(&control->uplinks, name);

	if (!uplink)
		return;
	for (size_t i = 0; i < control->peers.count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			peer_link_gone(control->peers.at[i], uplink->pair[k].link,
			               control->loop.now_ns);
	}
	engine_await_sent(control->engine, FAREWELL_MS);
	uplinks_remove(&control->uplinks, uplink);
}

/* One that no endpoint is meant for waits to be contacted, over IPv4. */
static void families_of_endpoints(const struct control *control, unsigned id,
                                  bool ret[LINK_FAMILIES])
{
	bool has_endpoint = false;

	for (size_t i = 0; i < control->peers.count; i++)
		has_endpoint |= endpoints_families(&control->peers.at[i]->endpoints, id, ret);
	ret[0] |= !has_endpoint;
}

int links_open(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplinks.count; i++) {
		struct uplink *uplink = &control->uplinks.uplink[i];
		bool is_named[LINK_FAMILIES] = {false};
		int r;

		if (!uplink->is_used || uplink->is_opened)
			continue;
		if (endpoint_family(&uplink->line.bind) == AF_UNSPEC) {
			families_of_endpoints(control, i, is_named);
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
