/* SPDX-License-Identifier: MIT */
/* One peer over two links of loopback; the test tells what the monitor would. */
#include "control/surroundings.h"

#include <errno.h>

#include "peer_rig.h"
#include "route_rig.h"

static struct peer_rig rig;
static struct surroundings *const around = &rig.control.surroundings;

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&rig);
	const struct surroundings_parts parts = {.interface = "vt-test",
	                                         .engine = rig.control.engine,
	                                         .loop = &rig.control.loop,
	                                         .uplinks = &rig.control.uplinks,
	                                         .peers = &rig.control.peers};

	cr_assert(eq(int, surroundings_init(around, &parts, &rig.config), 0));
}

static void teardown(void)
{
	surroundings_fini(around);
	rig_close(&rig);
}

TestSuite(surroundings, .init = setup, .fini = teardown);

static void change(enum netif_event_kind kind, const char *name)
{
	struct netif_event event = {.kind = kind, .index = *name ? 1 : 0, .name = name};

	surroundings_changed(around, &event, rig.now_ns);
}

/* Runs what is due after @ns more. */
static void pass(uint64_t ns)
{
	rig.now_ns += ns;
	deadline_run(&rig.control.loop.deadlines, rig.now_ns);
}

Test(surroundings, look_around_follows_a_change_at_most_once_per_second)
{
	change(NETIF_ROUTES_CHANGED, "");
	pass(0);
	cr_assert(eq(u64, around->looked_around_ns, rig.now_ns));
	cr_expect(around->has_new_targets, "the ways there are new");
	pass(NS_PER_S / 2);
	change(NETIF_ROUTES_CHANGED, "");
	change(NETIF_ROUTES_CHANGED, "");
	pass(0);
	cr_expect(eq(u64, around->looked_around_ns, rig.now_ns - NS_PER_S / 2),
	          "half a second ago");
	pass(NS_PER_S / 2);
	cr_expect(eq(u64, around->looked_around_ns, rig.now_ns));
	cr_expect(not(deadline_is_set(&around->look_around)), "until something changes again");
}

Test(surroundings, link_that_rests_is_tried_after_a_change)
{
	struct uplink_pair *pair = rig_pair(&rig, 0);

	uplink_refused(pair->uplink, pair->link, ENETDOWN, rig.now_ns);
	cr_assert(eq(int, pair->state, UPLINK_RESTING));
	change(NETIF_ROUTES_CHANGED, "");
	pass(0);
	pass(1); /* what a deadline sets to now is run in the next turn */
	cr_expect(eq(int, pair->state, UPLINK_UP));
}

Test(surroundings, device_of_ours_that_comes_up_again_gets_back_what_it_lost)
{
	change(NETIF_LINK_DOWN, "vt-test");
	cr_expect(not(deadline_is_set(&around->put_back)), "while it is down");
	change(NETIF_LINK_UP, "vt-test");
	cr_expect(eq(u64, around->put_back.at_ns, rig.now_ns));
	deadline_cancel(&rig.control.loop.deadlines, &around->put_back);
	change(NETIF_ADDRESS_REMOVED, "lo");
	cr_expect(not(deadline_is_set(&around->put_back)), "another device");
	change(NETIF_RESYNC, "");
	cr_expect(deadline_is_set(&around->put_back), "it may have been ours");
}

Test(surroundings, sharing_is_looked_at_when_targets_are_new)
{
	around->has_new_targets = true;
	surroundings_tell(around, rig.now_ns);
	cr_expect(not(around->has_new_targets));
}

Test(surroundings, answer_is_for_the_peer_that_asked)
{
	struct resolve_answer a = {.id = (uint64_t)(rig.peer->id + 1) << 32, .count = 1};
	const struct known_endpoint *known = &rig.peer->endpoints.known[0];

	cr_assert(eq(int, endpoint_parse("127.0.0.9:7", 0, &a.endpoints[0]), 0));
	rig.peer->endpoints.known[0].asked_ns = rig.now_ns;
	surroundings_answered(around, &a, rig.now_ns);
	cr_expect(not(endpoint_equal(&known->address[0], &a.endpoints[0])), "it is no more");
	a.id = (uint64_t)rig.peer->id << 32;
	surroundings_answered(around, &a, rig.now_ns);
	cr_expect(endpoint_equal(&known->address[0], &a.endpoints[0]));
}

Test(surroundings, icmp_errors_find_their_path_a_hundred_times_per_second)
{
	struct path *path = rig_path(&rig, 0);
	struct icmp_error error = {
		.from = path->route.link->bound, .to = path->route.remote, .why = "they say so"};
	uint64_t full_ns;

	surroundings_icmp_error(around, &error, rig.now_ns);
	full_ns = around->icmp_bucket.full_at_ns;
	cr_expect(lt(u64, rig.now_ns, full_ns), "one was looked for");
	endpoint_set_port(&error.from, 1);
	surroundings_icmp_error(around, &error, rig.now_ns);
	cr_expect(eq(u64, around->icmp_bucket.full_at_ns, full_ns), "the port is of no link");
	endpoint_set_port(&error.from, endpoint_port(&path->route.link->bound));
	for (unsigned i = 0; i < 1000; i++)
		surroundings_icmp_error(around, &error, rig.now_ns);
	cr_expect(le(u64, around->icmp_bucket.full_at_ns, rig.now_ns + NS_PER_S));
}

/* ---- another state ---- */

/* In a namespace with uplinks and a device "vt", whose routes follow. */
static struct desired_peer office;
static struct prefix allowed[2];

static void parse(struct prefix *ret, const char *text)
{
	cr_assert(eq(int, prefix_parse(text, ret), 0));
}

static void setup_routes(void)
{
	route_rig_start();
	ip("route add default via 10.1.0.1");
	log_set_level(LOG_LEVEL_ERROR);
	rig_open(&rig);
	const struct surroundings_parts parts = {.interface = "vt",
	                                         .engine = rig.control.engine,
	                                         .loop = &rig.control.loop,
	                                         .uplinks = &rig.control.uplinks,
	                                         .peers = &rig.control.peers};

	rig.config.routes_auto = true;
	cr_assert(eq(int, surroundings_init(around, &parts, &rig.config), 0));
	parse(&allowed[0], "192.0.2.0/24");
	parse(&allowed[1], "fd07::/64");
	office = (struct desired_peer){.allowed_ips = allowed, .allowed_ip_count = 2};
	rig.config.peers = &office;
	rig.config.peer_count = 1;
}

static void teardown_routes(void)
{
	if (!rig.control.engine)
		return;
	surroundings_fini(around);
	rig_close(&rig);
}

TestSuite(surroundings_follow, .init = setup_routes, .fini = teardown_routes);

/* The present peer's endpoint is at 192.0.2.1. */
static void lead_path_there(void)
{
	struct route route = rig_route(&rig, 0);

	route.remote = address("192.0.2.1");
	cr_assert(ne(ptr, rig_path(&rig, 0), NULL));
	peer_move_path(rig.peer, &rig.peer->paths.slot[0], &route, NULL, rig.now_ns);
}

Test(surroundings_follow, routes_and_ways_to_endpoints_come_and_go_with_a_peer)
{
	lead_path_there();
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0));
	cr_expect(not(shows_route("", "192.0.2.0/24", "vt")), "not yet");
	surroundings_follow(around);
	cr_expect(shows_route("", "192.0.2.0/24", "vt"));
	cr_expect(shows_route("-6", "fd07::/64", "vt"));
	cr_expect(shows_route("", "192.0.2.1", "wan0"));
	rig.config.peer_count = 0;
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0));
	surroundings_follow(around);
	cr_expect(not(shows_route("", "192.0.2.0/24", "vt")));
	cr_expect(not(shows_route("-6", "fd07::/64", "vt")));
	cr_expect(not(shows_route("", "192.0.2.1", "wan0")));
}

Test(surroundings_follow, what_was_dropped_does_nothing)
{
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0));
	surroundings_drop(around);
	cr_expect(not(shows_route("", "192.0.2.0/24", "vt")));
	cr_expect(eq(sz, around->plan.route_count, 0));
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0)); /* and may come again */
	surroundings_drop(around);
}

/* The device gets back what it has now, not what it had. */
Test(surroundings_follow, what_went_is_not_put_back)
{
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0));
	surroundings_follow(around);
	ip("route del 192.0.2.0/24 dev vt");
	change(NETIF_RESYNC, "");
	pass(10 * NS_PER_S);
	cr_assert(shows_route("", "192.0.2.0/24", "vt"));
	rig.config.peer_count = 0;
	cr_assert(eq(int, surroundings_ready(around, &rig.config), 0));
	surroundings_follow(around);
	change(NETIF_RESYNC, "");
	pass(10 * NS_PER_S);
	cr_expect(not(shows_route("", "192.0.2.0/24", "vt")));
}
