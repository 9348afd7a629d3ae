/* SPDX-License-Identifier: MIT */
#include "control/surroundings.h"

#include <ifaddrs.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/conductor.h"
#include "control/control.h"
#include "control/interface.h"
#include "control/peer_endpoints.h"
#include "control/peer_links.h"
#include "dataplane/statistics.h"

#define LOOK_AROUND_INTERVAL_NS NS_PER_S

static void on_put_back(struct deadline *d, uint64_t now_ns)
{
	struct control *control = caa_container_of(d, struct control, surroundings.put_back);

	own_device_put_back(&control->surroundings.own_device, now_ns);
	interface_put_back(&control->surroundings.plan, control->interface);
	detours_refresh(&control->surroundings.detours);
}

/* Somebody changed the TUN device. */
static void own_device_changed(struct control *control, const struct netif_event *event,
                               uint64_t now_ns)
{
	switch (own_device_note(&control->surroundings.own_device, event->kind)) {
	case OWN_DEVICE_FELL:
		log_warning("interface=%s: it was set down, nothing passes until it is up again",
		            control->interface);
		break;
	case OWN_DEVICE_ROSE:
		log_info("interface=%s: it is up again", control->interface);
		break;
	case OWN_DEVICE_AS_BEFORE:
		break;
	}
	deadline_set(&control->loop.deadlines, &control->surroundings.put_back,
	             own_device_due_ns(&control->surroundings.own_device, now_ns));
}

void surroundings_place_again(struct control *control, uint64_t now_ns)
{
	for (size_t i = 0; i < control->peers.count; i++)
		peer_place_again(control->peers.at[i], now_ns);
}

void surroundings_changed(struct control *control, const struct netif_event *event, uint64_t now_ns)
{
	struct surroundings *around = &control->surroundings;

	if (event->kind == NETIF_RESYNC || !strcmp(event->name, control->interface))
		own_device_changed(control, event, now_ns);
	uplinks_netif_event(&control->uplinks, event, now_ns);
	surroundings_place_again(control, now_ns);
	deadline_set(&control->loop.deadlines, &around->look_around,
	             around->looked_around_ns + LOOK_AROUND_INTERVAL_NS);
}

static void check_sources(struct control *control, uint64_t now_ns)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;
	for (size_t i = 0; i < control->peers.count; i++)
		peer_check_sources(control->peers.at[i], list, now_ns);
	freeifaddrs(list);
}

void surroundings_answered(struct control *control, const struct resolve_answer *answer,
                           uint64_t now_ns)
{
	struct peer *peer = peers_find_id(&control->peers, peer_id_of_answer(answer));

	if (!peer)
		return; /* it is no more */
	peer_take_addresses(peer, answer, now_ns);
	peer_service(peer, now_ns);
}

static void on_look_around(struct deadline *d, uint64_t now_ns)
{
	struct control *control = caa_container_of(d, struct control, surroundings.look_around);

	control->surroundings.looked_around_ns = now_ns;
	detours_refresh(&control->surroundings.detours);
	check_sources(control, now_ns);
	uplinks_try_again(&control->uplinks, now_ns);
	control->has_new_targets = true; /* or the ways there are new */
	for (size_t i = 0; i < control->peers.count; i++)
		peer_try_again(control->peers.at[i], now_ns);
}

/* ---- for people ---- */

/* For a person who sees that nothing passes and does not know where to look. */
static void tell_routing_loop(struct control *control, uint64_t now_ns)
{
	uint64_t drops = engine_drops(control->engine, DROP_ROUTING_LOOP), fresh;

	if (routing_loop_note(&control->surroundings.routing_loop, drops, now_ns, &fresh))
		log_warning("interface=%s: the route to a peer's endpoint leads into the tunnel, "
		            "%llu datagram%s of our own came back and %s dropped; give the links "
		            "a device, or the endpoint a route beside the tunnel",
		            control->interface, (unsigned long long)fresh, fresh == 1 ? "" : "s",
		            fresh == 1 ? "was" : "were");
}

static void look_at_sharing(struct control *control)
{
	/* Each costs questions to the system, and a single link shares with none. */
	bool is_due = control->has_new_targets && control->uplinks.in_use > 1;

	for (size_t i = 0; is_due && i < control->peers.count; i++)
		peer_look_at_sharing(control->peers.at[i]);
	control->has_new_targets = false;
}

void surroundings_tell(struct control *control, uint64_t now_ns)
{
	look_at_sharing(control);
	tell_routing_loop(control, now_ns);
}

/* ---- start and end ---- */

static void netif_changed(const struct netif_event *event, void *arg)
{
	struct control *control = arg;

	surroundings_changed(control, event, control->loop.now_ns);
}

static void on_netif(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct control *control = caa_container_of(source, struct control, surroundings.source);

	(void)events, (void)now_ns;
	netif_monitor_read(&control->surroundings.monitor, netif_changed, control);
}

int surroundings_init(struct control *control, const struct desired *wanted)
{
	struct surroundings *around = &control->surroundings;
	int r = detours_init(&around->detours, wanted, control->interface);

	around->put_back.expired = on_put_back;
	around->look_around.expired = on_look_around;
	if (!r)
		r = interface_plan_init(&around->plan, wanted);
	if (!r)
		r = netif_monitor_init(&around->monitor);
	if (r)
		return r;
	around->source = (struct event_source){netif_monitor_fd(&around->monitor), on_netif};
	return loop_watch(&control->loop, &around->source, EPOLLIN);
}

void surroundings_fini(struct control *control)
{
	detours_fini(&control->surroundings.detours);
	interface_plan_fini(&control->surroundings.plan);
	netif_monitor_fini(&control->surroundings.monitor);
}
