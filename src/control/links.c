/* SPDX-License-Identifier: MIT */
#include "control/links.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "control/control.h"
#include "control/peer_links.h"

/* Handshake messages taken from one link per turn of the loop: the rest waits in the socket, and
 * timers and probes get their turn. Meeting the bound means load (whitepaper 5.3).
 */
#define HANDSHAKES_PER_TURN 64u

/* How many of them between two looks at what they cost: as many as are worth the system call. */
#define HANDSHAKES_PER_LOOK 8u

/* ---- handshake messages ---- */

/* Returns how many there were. */
static unsigned take_messages(struct control *control, const struct link_message *m,
                              uint64_t now_ns)
{
	unsigned taken = 0;

	for (unsigned at = 0, len; at < m->len; at += len, taken++) {
		len = link_message_next_len(m, at);
		if (len >= sizeof(uint32_t) && load_le32(m->at + at) == MESSAGE_TRANSPORT)
			engine_receive(control->engine, &m->route, m->at + at, len);
		else
			messages_take(&control->messages, &m->route, m->at + at, len, now_ns);
	}
	return taken;
}

/* Whether there may be more than was taken. */
static bool take_some(struct control *control, struct link *link, uint64_t now_ns)
{
	unsigned taken = 0, looked = 0;
	struct link_message m;

	while (taken < HANDSHAKES_PER_TURN) {
		int r = link_receive_handshakes(link, &m);

		if (r == -EAGAIN)
			return false;
		taken += r ? 1 : take_messages(control, &m, now_ns);
		if (taken < looked + HANDSHAKES_PER_LOOK)
			continue;
		looked = taken;
		if (!gate_may_go_on(control, now_ns))
			return false; /* the gate says so itself */
	}
	return true;
}

static void watch_handshakes(struct control *control, const struct link *link, bool is_watched)
{
	struct event_source *source = &control->handshakes[link->id].source;

	if (!link->is_open)
		return;
	if (is_watched) /* one that was opened meanwhile is watched already */
		loop_watch(&control->loop, source, EPOLLIN);
	else
		loop_unwatch(&control->loop, source);
}

void links_watch_handshakes(struct control *control, bool is_watched)
{
	for (unsigned i = 0; i < control->uplinks.count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			watch_handshakes(control, control->uplinks.uplink[i].pair[k].link,
			                 is_watched);
	}
}

static void on_handshake(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct handshake_source *own = caa_container_of(source, struct handshake_source, source);
	struct control *control = own->control;
	uint64_t suppressed;

	(void)events;
	if (!gate_enter(control, now_ns)) {
		watch_handshakes(control, own->link, false); /* opened while it is shut */
		return;
	}
	if (take_some(control, own->link, now_ns) && strangers_set_loaded(&control->messages.strangers, now_ns) &&
	    log_limit_pass(&control->messages.log_limit, now_ns, &suppressed))
		log_warning("link=%s: many handshake messages, asking senders for cookies",
		            own->link->name);
	gate_leave(control, now_ns);
}

/* ---- what links do to the world ---- */

static struct control *control_of(struct uplink_effects *fx)
{
	return caa_container_of(fx, struct control, uplink_fx);
}

static int watch(struct uplink_effects *fx, struct link *link)
{
	struct control *control = control_of(fx);
	struct handshake_source *own = &control->handshakes[link->id];

	*own = (struct handshake_source){
		.source = {link->handshake_fd, on_handshake}, .control = control, .link = link};
	return loop_watch(&control->loop, &own->source, EPOLLIN);
}

static void unwatch(struct uplink_effects *fx, struct link *link)
{
	struct control *control = control_of(fx);

	loop_unwatch(&control->loop, &control->handshakes[link->id].source);
}

static int start(struct uplink_effects *fx, struct link *link, int cpu)
{
	int r = watch(fx, link);

	if (!r)
		r = engine_link_start(control_of(fx)->engine, link, cpu);
	if (r)
		unwatch(fx, link);
	return r;
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

	for (size_t i = 0; i < control->peer_count; i++) {
		peer_link_failed(control->peers[i], link, reason, now_ns);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
	}
}

static void back(struct uplink_effects *fx, struct link *link, uint64_t now_ns)
{
	struct control *control = control_of(fx);

	for (size_t i = 0; i < control->peer_count; i++) {
		peer_link_back(control->peers[i], link);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
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
	unsigned id = control->uplinks.count;
	struct uplink_settings set = settings_of(wanted, link, id);
	struct link *links[LINK_FAMILIES];

	for (unsigned k = 0; k < LINK_FAMILIES; k++)
		links[k] = engine_link(control->engine, id * LINK_FAMILIES + k);
	uplinks_add(&control->uplinks, &set, links, control->loop.now_ns);
}

int links_find(const struct control *control, const char *name)
{
	for (unsigned i = 0; i < control->uplinks.count; i++)
		if (!strcmp(control->uplinks.uplink[i].name, name))
			return (int)i;
	return -1;
}

/* One that no endpoint is meant for waits to be contacted, over IPv4. */
static void families_of_endpoints(const struct control *control, unsigned id,
                                  bool ret[LINK_FAMILIES])
{
	bool has_endpoint = false;

	for (size_t i = 0; i < control->peer_count; i++)
		has_endpoint |= endpoints_families(&control->peers[i]->endpoints, id, ret);
	ret[0] |= !has_endpoint;
}

int links_open(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplinks.count; i++) {
		struct uplink *uplink = &control->uplinks.uplink[i];
		bool is_named[LINK_FAMILIES] = {false};
		int r;

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
