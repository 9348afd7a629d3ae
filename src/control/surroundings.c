/* SPDX-License-Identifier: MIT */
#include "control/surroundings.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/epoll.h>

#include "control/conductor.h"
#include "control/interface.h"
#include "control/peer_endpoints.h"
#include "control/peer_links.h"
#include "control/peers.h"
#include "control/uplink.h"
#include "dataplane/engine.h"
#include "dataplane/statistics.h"

#define LOOK_AROUND_INTERVAL_NS NS_PER_S

/* ICMP errors that are looked into, each by a look at all paths: a hundred per second with few
 * peers, ten with thousands.
 */
#define ICMP_WORTH_NS (10 * NS_PER_MS)
#define ICMP_PEER_NS  (25 * NS_PER_US)
#define ICMP_ROOM_NS  (ICMP_WORTH_NS + PEERS_MAX * ICMP_PEER_NS)

static void on_put_back(struct deadline *d, uint64_t now_ns)
{
	struct surroundings *around = caa_container_of(d, struct surroundings, put_back);

	own_device_put_back(&around->own_device, now_ns);
	interface_put_back(&around->plan, around->of.interface);
	detours_refresh(&around->detours);
}

/* Somebody changed the TUN device. */
static void own_device_changed(struct surroundings *around, const struct netif_event *event,
                               uint64_t now_ns)
{
	switch (own_device_note(&around->own_device, event->kind)) {
	case OWN_DEVICE_FELL:
		log_warning("interface=%s: it was set down, nothing passes until it is up again",
		            around->of.interface);
		break;
	case OWN_DEVICE_ROSE:
		log_info("interface=%s: it is up again", around->of.interface);
		break;
	case OWN_DEVICE_AS_BEFORE:
		break;
	}
	deadline_set(&around->of.loop->deadlines, &around->put_back,
	             own_device_due_ns(&around->own_device, now_ns));
}

void surroundings_place_again(const struct peers *peers, uint64_t now_ns)
{
	for (size_t i = 0; i < peers->count; i++)
		peer_place_again(peers->at[i], now_ns);
}

void surroundings_changed(struct surroundings *around, const struct netif_event *event,
                          uint64_t now_ns)
{
	if (event->kind == NETIF_RESYNC || !strcmp(event->name, around->of.interface))
		own_device_changed(around, event, now_ns);
	uplinks_netif_event(around->of.uplinks, event, now_ns);
	surroundings_place_again(around->of.peers, now_ns);
	deadline_set(&around->of.loop->deadlines, &around->look_around,
	             around->looked_around_ns + LOOK_AROUND_INTERVAL_NS);
}

/* Whether a link has the port that it came from. */
static bool may_be_ours(const struct uplinks *uplinks, const struct endpoint *from)
{
	for (unsigned i = 0; i < uplinks->count; i++) {
		const struct uplink *uplink = &uplinks->uplink[i];

		for (unsigned k = 0; uplink->is_used && k < LINK_FAMILIES; k++) {
			if (uplink_pair_has_port(&uplink->pair[k], from))
				return true;
		}
	}
	return false;
}

void surroundings_icmp_error(struct surroundings *around, const struct icmp_error *error,
                             uint64_t now_ns)
{
	const struct peers *peers = around->of.peers;
	uint64_t worth_ns = ICMP_WORTH_NS + peers->count * ICMP_PEER_NS;

	if (!may_be_ours(around->of.uplinks, &error->from) ||
	    !bucket_take(&around->icmp_bucket, worth_ns, ICMP_ROOM_NS, now_ns))
		return;
	for (size_t i = 0; i < peers->count; i++) {
		if (peer_hears_icmp(peers->at[i], error, now_ns))
			peer_service(peers->at[i], now_ns);
	}
}

static void check_sources(struct surroundings *around, uint64_t now_ns)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;
	for (size_t i = 0; i < around->of.peers->count; i++)
		peer_check_sources(around->of.peers->at[i], list, now_ns);
	freeifaddrs(list);
}

void surroundings_answered(struct surroundings *around, const struct resolve_answer *answer,
                           uint64_t now_ns)
{
	struct peer *peer = peers_find_id(around->of.peers, peer_id_of_answer(answer));

	if (!peer)
		return; /* it is no more */
	peer_take_addresses(peer, answer, now_ns);
	peer_service(peer, now_ns);
}

static void on_look_around(struct deadline *d, uint64_t now_ns)
{
	struct surroundings *around = caa_container_of(d, struct surroundings, look_around);

	around->looked_around_ns = now_ns;
	detours_refresh(&around->detours);
	check_sources(around, now_ns);
	uplinks_try_again(around->of.uplinks, now_ns);
	around->has_new_targets = true; /* or the ways there are new */
	for (size_t i = 0; i < around->of.peers->count; i++)
		peer_try_again(around->of.peers->at[i], now_ns);
}

/* ---- another state ---- */

/* A device that is not there any more is no reason not to follow the rest: what is closed is told
 * when its turn comes.
 */
static int ready_netif(struct surroundings *around)
{
	int r;

	if (route_changes_is_empty(&around->routes))
		return 0;
	r = netif_init(&around->coming_netif, around->of.interface);
	if (r)
		netif_fini(&around->coming_netif);
	return r == -ENOMEM || r == -ENOBUFS || r == -EMFILE || r == -ENFILE ? r : 0;
}

static int ready_routes(struct surroundings *around, const struct desired *wanted)
{
	int r = interface_plan_init(&around->coming, wanted);

	if (!r)
		r = route_changes_init(&around->routes, around->plan.routes,
		                       around->plan.route_count, around->coming.routes,
		                       around->coming.route_count);
	return r ? r : ready_netif(around);
}

int surroundings_ready(struct surroundings *around, const struct desired *wanted)
{
	int r;

	if (!around->of.interface)
		return 0;
	r = ready_routes(around, wanted);
	if (!r)
		r = detours_ready(&around->detours, wanted);
	if (r)
		surroundings_drop(around);
	return r;
}

void surroundings_drop(struct surroundings *around)
{
	interface_plan_fini(&around->coming);
	route_changes_fini(&around->routes);
	netif_fini(&around->coming_netif);
	detours_drop(&around->detours);
}

void surroundings_follow(struct surroundings *around)
{
	if (!around->of.interface)
		return;
	interface_plan_fini(&around->plan);
	around->plan = around->coming;
	around->coming = (struct interface_plan){0};
	interface_change_routes(&around->plan, &around->routes, &around->coming_netif);
	route_changes_fini(&around->routes);
	netif_fini(&around->coming_netif);
	detours_begin(&around->detours);
	for (size_t i = 0; i < around->of.peers->count; i++)
		peer_keep_ways(around->of.peers->at[i]);
	detours_end(&around->detours);
}

/* ---- for people ---- */

/* For a person who sees that nothing passes and does not know where to look. */
static void tell_routing_loop(struct surroundings *around, uint64_t now_ns)
{
	uint64_t drops = engine_drops(around->of.engine, DROP_ROUTING_LOOP), fresh;

	if (rare_news_due(&around->routing_loop, drops, now_ns, &fresh))
		log_warning("interface=%s: the route to a peer's endpoint leads into the tunnel, "
		            "%llu datagram%s of our own came back and %s dropped; give the links "
		            "a device, or the endpoint a route beside the tunnel",
		            around->of.interface, (unsigned long long)fresh, fresh == 1 ? "" : "s",
		            fresh == 1 ? "was" : "were");
}

/* RFC 6040 wants an operator to know; packets that are dropped for it are among them. */
static void tell_unexpected_marks(struct surroundings *around, uint64_t now_ns)
{
	uint64_t count = engine_marks(around->of.engine, MARKS_UNEXPECTED), fresh;

	if (rare_news_due(&around->unexpected_marks, count, now_ns, &fresh))
		log_warning(
			"interface=%s: %llu datagram%s came with an ECN field that nobody sends, "
			"somebody on the way changes it wrongly; what is marked so that its "
			"sender would not understand it is dropped",
			around->of.interface, (unsigned long long)fresh, fresh == 1 ? "" : "s");
}

static void look_at_sharing(struct surroundings *around)
{
	/* Each costs questions to the system, and a single link shares with none. */
	bool is_due = around->has_new_targets && around->of.uplinks->in_use > 1;

	for (size_t i = 0; is_due && i < around->of.peers->count; i++)
		peer_look_at_sharing(around->of.peers->at[i]);
	around->has_new_targets = false;
}

void surroundings_tell(struct surroundings *around, uint64_t now_ns)
{
	look_at_sharing(around);
	tell_routing_loop(around, now_ns);
	tell_unexpected_marks(around, now_ns);
}

/* ---- start and end ---- */

static void netif_changed(const struct netif_event *event, void *arg)
{
	struct surroundings *around = arg;

	surroundings_changed(around, event, around->of.loop->now_ns);
}

static void on_netif(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct surroundings *around = caa_container_of(source, struct surroundings, source);

	(void)events, (void)now_ns;
	netif_monitor_read(&around->monitor, netif_changed, around);
}

static void icmp_told(const struct icmp_error *error, void *arg, uint64_t now_ns)
{
	surroundings_icmp_error(arg, error, now_ns);
}

/* Without it paths that lead nowhere are found by their silence. */
static void hear_icmp(struct surroundings *around)
{
	int r = icmp_monitor_init(&around->icmp, around->of.loop, icmp_told, around);

	if (r)
		log_info("interface=%s: ICMP errors are not heard, %s%s", around->of.interface,
		         strerror(-r), r == -EPERM ? "; this takes CAP_NET_RAW" : "");
}

int surroundings_init(struct surroundings *around, const struct surroundings_parts *parts,
                      const struct desired *wanted)
{
	int r = detours_init(&around->detours, wanted, parts->interface);

	around->of = *parts;
	around->put_back.expired = on_put_back;
	around->look_around.expired = on_look_around;
	if (!r)
		r = interface_plan_init(&around->plan, wanted);
	if (!r)
		r = netif_monitor_init(&around->monitor);
	if (r)
		return r;
	hear_icmp(around);
	around->source = (struct event_source){netif_monitor_fd(&around->monitor), on_netif};
	return loop_watch(around->of.loop, &around->source, EPOLLIN);
}

void surroundings_fini(struct surroundings *around)
{
	surroundings_drop(around);
	detours_fini(&around->detours);
	interface_plan_fini(&around->plan);
	icmp_monitor_fini(&around->icmp);
	netif_monitor_fini(&around->monitor);
}
