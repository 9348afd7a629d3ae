/* SPDX-License-Identifier: MIT */
/* Links with real sockets in a network namespace, and a world around them that only takes notes. */
#include "control/uplink.h"

#include <errno.h>
#include <poll.h>

#include "base/log.h"
#include "control/netif.h"
#include "control/refusal.h"
#include "no_ipv6.h"
#include "route_rig.h"

#define NOW        (1000 * NS_PER_S)
#define BACKOFF_NS (5 * NS_PER_S)

static struct link sockets[LINK_PAIRS_MAX];
static struct uplinks uplinks;
static struct deadline_heap deadlines;

/* What the world was told. */
static struct {
	bool is_reading[LINK_PAIRS_MAX];
	int refuses_start; /* with this error */
	int cpu;
	unsigned failed, back;
	char reason[128];
} world;

static int start(struct uplink_effects *fx, struct link *link, int cpu)
{
	(void)fx;
	cr_expect(link->is_open);
	world.cpu = cpu;
	world.is_reading[link->id] = !world.refuses_start;
	return world.refuses_start;
}

static void unwatch(struct uplink_effects *fx, struct link *link)
{
	(void)fx;
	world.is_reading[link->id] = false;
}

static int watch(struct uplink_effects *fx, struct link *link)
{
	(void)fx;
	world.is_reading[link->id] = true;
	return 0;
}

static void wake_at(struct uplink_effects *fx, struct deadline *d, uint64_t at_ns)
{
	(void)fx;
	cr_assert(eq(int, deadline_set(&deadlines, d, at_ns), 0));
}

static void failed(struct uplink_effects *fx, struct link *link, const char *reason,
                   uint64_t now_ns)
{
	(void)fx, (void)link, (void)now_ns;
	world.failed++;
	snprintf(world.reason, sizeof world.reason, "%s", reason);
}

static void back(struct uplink_effects *fx, struct link *link, uint64_t now_ns)
{
	(void)fx, (void)now_ns;
	cr_expect(uplink_is_usable(uplink_of(&uplinks, link), link));
	world.back++;
}

static struct uplink_effects fx = {.start = start,
                                   .unwatch = unwatch,
                                   .watch = watch,
                                   .wake_at = wake_at,
                                   .failed = failed,
                                   .back = back};

static void setup(void)
{
	route_rig_start();
	log_set_level(LOG_LEVEL_ERROR);
	deadline_heap_init(&deadlines);
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++)
		sockets[i].id = i;
	uplinks_init(&uplinks, &fx);
}

static void teardown(void)
{
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++) {
		if (sockets[i].is_open)
			link_close(&sockets[i]);
	}
	deadline_heap_fini(&deadlines);
}

TestSuite(uplink, .init = setup, .fini = teardown);

/* A link bound to @bind, NULL for nothing. */
static struct uplink *add(const char *name, const char *bind, bool both_families)
{
	struct uplink_settings set = {.both_families = both_families,
	                              .wishes = {.weight = 1},
	                              .rx_cpu = 3,
	                              .error_backoff_ns = BACKOFF_NS};
	struct link *pair[LINK_FAMILIES];

	strcpy(set.name, name);
	if (bind)
		cr_assert(eq(int, endpoint_parse(bind, 0, &set.line.bind), 0));
	for (unsigned i = 0; i < LINK_FAMILIES; i++)
		pair[i] = &sockets[uplinks.count * LINK_FAMILIES + i];
	return uplinks_add(&uplinks, &set, pair, NOW);
}

static int open_in(struct uplink *uplink, bool ipv4, bool ipv6)
{
	const bool is_named[LINK_FAMILIES] = {ipv4, ipv6};

	return uplink_open(uplink, is_named, NOW);
}

/* One over IPv4 that is up on wan0. */
static struct uplink *up_on_wan0(void)
{
	struct uplink *uplink = add("dsl", "10.1.0.2:0", false);

	cr_assert(eq(int, open_in(uplink, true, false), 0));
	cr_assert(eq(int, uplink->pair[0].state, UPLINK_UP));
	return uplink;
}

static void device_event(enum netif_event_kind kind, const char *name, uint64_t now_ns)
{
	struct netif_event event = {.kind = kind, .index = 1, .name = name};

	uplinks_netif_event(&uplinks, &event, now_ns);
}

static void address_event(enum netif_event_kind kind, const char *text, uint64_t now_ns)
{
	struct netif_event event = {.kind = kind, .index = 1, .name = ""};

	cr_assert(eq(int, prefix_parse(text, &event.address), 0));
	uplinks_netif_event(&uplinks, &event, now_ns);
}

static void ignore(const struct netif_event *event, void *arg)
{
	(void)event, (void)arg;
}

/* Sets the device up and waits until it has its carrier, which takes the kernel a moment. */
static void set_up(const char *name)
{
	struct netif_monitor monitor;

	cr_assert(eq(int, netif_monitor_init(&monitor), 0));
	ip("link set %s up", name);
	while (!netif_is_usable(name)) {
		struct pollfd pfd = {.fd = netif_monitor_fd(&monitor), .events = POLLIN};

		cr_assert(eq(int, poll(&pfd, 1, 20000), 1));
		cr_assert(eq(int, netif_monitor_read(&monitor, ignore, NULL), 0));
	}
	netif_monitor_fini(&monitor);
}

/* ---- opening ---- */

Test(uplink, family_is_opened_when_it_is_named_or_wanted)
{
	struct uplink *uplink = add("dsl", NULL, false);

	cr_assert(eq(int, open_in(uplink, true, false), 0));
	cr_expect(sockets[0].is_open && world.is_reading[0]);
	cr_expect(eq(int, world.cpu, 3));
	cr_expect(not(sockets[1].is_open));
	cr_expect(eq(ptr, uplink_want(uplink, AF_INET6, NOW), &sockets[1]));
	cr_expect(sockets[1].is_open && world.is_reading[1]);
	cr_expect(eq(uint, endpoint_port(&sockets[1].bound), endpoint_port(&sockets[0].bound)));
	cr_expect(eq(uint, world.back, 2));
}

Test(uplink, that_nobody_names_waits_for_a_host_name)
{
	struct uplink *uplink = add("dsl", NULL, false);

	cr_assert(eq(int, open_in(uplink, false, false), 0));
	cr_expect(eq(str, (char *)uplink_best(uplink)->reason, "for the address of a host name"));
	cr_expect(eq(int, uplink_best(uplink)->state, UPLINK_WAITING));
}

Test(uplink, address_in_use_is_for_the_configuration_to_mend)
{
	struct uplink *first = add("a", "127.0.0.1:51820", false);
	struct uplink *second = add("b", "127.0.0.1:51820", false);

	cr_expect(eq(int, open_in(first, true, false), 0));
	cr_expect(eq(int, open_in(second, true, false), -EADDRINUSE));
	cr_expect(not(world.is_reading[2]));
}

/* As a link that comes while the daemon runs, which waits for its port and is tried again. */
Test(uplink, of_both_families_opens_the_other_while_one_has_to_wait)
{
	struct uplink *other = add("a", "0.0.0.0:51820", false);
	struct uplink *uplink = add("b", "[::]:51820", true);

	cr_assert(eq(int, open_in(other, true, false), 0));
	open_in(uplink, true, true);
	link_close(&sockets[0]);
	deadline_run(&deadlines, NOW + BACKOFF_NS);
	cr_expect(sockets[2].is_open);
	cr_expect(sockets[3].is_open, "IPv6 is never tried");
}

Test(uplink, that_cannot_be_read_is_closed_and_tried_again)
{
	struct uplink *uplink = add("dsl", NULL, false);

	world.refuses_start = -ENOMEM;
	cr_expect(eq(int, open_in(uplink, true, false), 0));
	cr_expect(not(sockets[0].is_open));
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(u64, deadline_next_ns(&deadlines), NOW + BACKOFF_NS));
	world.refuses_start = 0;
	deadline_run(&deadlines, NOW + BACKOFF_NS);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
	cr_expect(eq(uint, world.back, 1));
}

Test(uplink, of_both_families_does_without_one_that_the_system_lacks)
{
	struct uplink *uplink = add("dsl", "[::]:51820", true);
	struct endpoint v4, v6;

	lacks_ipv6 = true;
	cr_expect(eq(int, open_in(uplink, true, true), 0));
	cr_expect(eq(int, uplink_best(uplink)->state, UPLINK_UP));
	cr_expect(eq(u64, deadline_next_ns(&deadlines), NEVER_NS), "tries for ever");
	cr_assert(eq(int, endpoint_parse("10.1.0.9:7", 0, &v4), 0));
	cr_assert(eq(int, endpoint_parse("[fd01::9]:7", 0, &v6), 0));
	cr_expect(uplink_can_reach(uplink, &v4));
	cr_expect(not(uplink_can_reach(uplink, &v6)));
}

Test(uplink, of_one_family_waits_for_the_system_to_have_it)
{
	struct uplink *uplink = add("dsl", "[::1]:51820", false);

	lacks_ipv6 = true;
	cr_expect(eq(int, open_in(uplink, false, true), 0));
	cr_expect(eq(int, uplink_best(uplink)->state, UPLINK_WAITING));
	cr_expect(eq(u64, deadline_next_ns(&deadlines), NOW + BACKOFF_NS));
}

Test(uplink, allows_the_families_that_its_address_stands_for)
{
	cr_expect(uplink_allows(add("a", NULL, false), AF_INET6));
	cr_expect(not(uplink_allows(add("b", "10.1.0.2:0", false), AF_INET6)));
	cr_expect(not(uplink_allows(add("c", "[::]:51820", false), AF_INET)));
	cr_expect(uplink_allows(add("d", "[::]:51820", true), AF_INET));
}

Test(uplink, two_on_one_device_are_told_apart_from_two_lines)
{
	struct uplink *second;

	up_on_wan0();
	ip("address add 10.1.0.3/24 dev wan0");
	second = add("lte", "10.1.0.3:0", false);
	cr_assert(eq(int, open_in(second, true, false), 0));
	cr_expect(eq(str, (char *)second->pair[0].reason, "open, on the same device as dsl"));
	cr_expect(eq(int, second->pair[0].state, UPLINK_UP));
}

/* ---- resting ---- */

Test(uplink, refused_by_the_system_rests_for_the_backoff)
{
	struct uplink *uplink = up_on_wan0();

	uplink_refused(uplink, &sockets[0], ENETDOWN, NOW);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_RESTING));
	cr_expect(not(uplink_is_usable(uplink, &sockets[0])));
	cr_expect(eq(str, world.reason, (char *)refusal_reason(ENETDOWN)));
	uplink_refused(uplink, &sockets[0], ENETDOWN, NOW + NS_PER_S);
	cr_expect(eq(uint, world.failed, 1), "it rests already");
	deadline_run(&deadlines, NOW + BACKOFF_NS - 1);
	cr_expect(eq(uint, world.back, 1), "when it was opened");
	deadline_run(&deadlines, NOW + BACKOFF_NS);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
	cr_expect(eq(uint, world.back, 2));
}

Test(uplink, rests_no_longer_when_the_network_changes)
{
	struct uplink *uplink = up_on_wan0();

	uplink_refused(uplink, &sockets[0], ENETDOWN, NOW);
	uplinks_try_again(&uplinks, NOW + 1);
	deadline_run(&deadlines, NOW + 1);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
	uplinks_try_again(&uplinks, NOW + 2);
	cr_expect(eq(u64, deadline_next_ns(&deadlines), NEVER_NS), "only one that rests is tried");
}

/* ---- devices and addresses ---- */

static void expect_told(const struct uplink *uplink, enum link_state_word word)
{
	cr_expect(eq(int, uplink_link_state(uplink, &sockets[0]), word));
}

Test(uplink, peers_are_told_why_it_is_lost)
{
	struct uplink *uplink = up_on_wan0();

	expect_told(uplink, LINK_STATE_CARRIES);
	ip("address del 10.1.0.2/24 dev wan0");
	address_event(NETIF_ADDRESS_REMOVED, "10.1.0.2", NOW);
	expect_told(uplink, LINK_STATE_NO_ADDRESS);
	ip("address add 10.1.0.2/24 dev wan0");
	address_event(NETIF_ADDRESS_ADDED, "10.1.0.2", NOW + 1);
	expect_told(uplink, LINK_STATE_CARRIES);
	device_event(NETIF_LINK_DOWN, "wan0", NOW + 2);
	expect_told(uplink, LINK_STATE_NO_DEVICE);
}

Test(uplink, device_that_goes_down_and_comes_up_is_followed)
{
	struct uplink *uplink = up_on_wan0();
	uint16_t port = endpoint_port(&sockets[0].bound);

	ip("link set wan0 down");
	device_event(NETIF_LINK_DOWN, "wan0", NOW);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(str, world.reason, "its device is down"));
	device_event(NETIF_LINK_UP, "wan1", NOW + 1);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_WAITING), "somebody else's device");
	set_up("wan0");
	device_event(NETIF_LINK_UP, "wan0", NOW + 2);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
	cr_expect(world.is_reading[0]);
	cr_expect(eq(uint, endpoint_port(&sockets[0].bound), port));
	cr_expect(eq(uint, world.back, 2));
}

Test(uplink, device_that_comes_without_a_word_is_found_by_the_backoff)
{
	struct uplink *uplink = up_on_wan0();

	ip("link set wan0 down");
	device_event(NETIF_LINK_DOWN, "wan0", NOW);
	set_up("wan0");
	deadline_run(&deadlines, NOW + BACKOFF_NS);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
}

Test(uplink, address_that_goes_takes_the_link_along)
{
	struct uplink *uplink = up_on_wan0();

	ip("address del 10.1.0.2/24 dev wan0");
	address_event(NETIF_ADDRESS_REMOVED, "10.2.0.2", NOW);
	cr_expect(eq(uint, world.failed, 0), "another address");
	address_event(NETIF_ADDRESS_REMOVED, "10.1.0.2", NOW);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(str, world.reason, "its address is gone"));
	ip("address add 10.1.0.2/24 dev wan1");
	address_event(NETIF_ADDRESS_ADDED, "10.1.0.2", NOW + 1);
	cr_expect(eq(int, uplink->pair[0].state, UPLINK_UP));
	cr_expect(eq(str, uplink->pair[0].device, "wan1"));
	cr_expect(eq(uint, sockets[0].ifindex, if_nametoindex("wan1")));
}

Test(uplink, address_that_moves_to_another_device_is_followed_at_once)
{
	struct uplink *uplink = up_on_wan0();

	ip("address del 10.1.0.2/24 dev wan0");
	ip("address add 10.1.0.2/24 dev wan1");
	address_event(NETIF_ADDRESS_REMOVED, "10.1.0.2", NOW);
	cr_expect(eq(uint, world.failed, 0));
	cr_expect(eq(uint, sockets[0].ifindex, if_nametoindex("wan1")));
	cr_expect(uplink_is_usable(uplink, &sockets[0]));
}

Test(uplink, best_pair_is_one_that_is_wanted_and_works)
{
	struct uplink *uplink = add("dsl", NULL, false);

	cr_expect(eq(ptr, (void *)uplink_best(uplink), &uplink->pair[0]), "none is wanted");
	uplink_want(uplink, AF_INET6, NOW);
	cr_expect(eq(ptr, (void *)uplink_best(uplink), &uplink->pair[1]));
	uplink_want(uplink, AF_INET, NOW);
	uplink_refused(uplink, &sockets[1], ENETDOWN, NOW);
	cr_expect(eq(ptr, (void *)uplink_best(uplink), &uplink->pair[0]));
}
