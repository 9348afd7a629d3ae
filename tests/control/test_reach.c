/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own with the TUN devices "near" and "far", which are
 * up.
 */
#include "control/reach.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <string.h>

#include "../namespace_rig.h"
#include "control/netif.h"
#include "control/netif_monitor.h"

static struct netif near, far;

static void make_device(const char *name, struct netif *ret)
{
	make_tun(name);
	cr_assert(eq(int, netif_init(ret, name), 0));
	cr_assert(eq(int, netif_bring_up(ret), 0));
}

static void start(void)
{
	enter_namespace();
	make_device("near", &near);
	make_device("far", &far);
}

TestSuite(reach, .init = start);

static void add_address(struct netif *netif, const char *text)
{
	struct prefix p;

	cr_assert(eq(int, prefix_parse(text, &p), 0));
	cr_assert(eq(int, netif_add_address(netif, &p, NULL), 0), "%s", netif_error(netif));
}

static void add_route(struct netif *netif, const char *text)
{
	struct prefix p;

	cr_assert(eq(int, prefix_parse(text, &p), 0));
	cr_assert(eq(int, netif_add_route(netif, &p), 0), "%s", netif_error(netif));
}

static struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0), "%s", text);
	return ep;
}

static bool can_reach(const struct line *from, const char *remote)
{
	struct endpoint ep = endpoint(remote);

	return reach_is_possible(from, &ep);
}

Test(reach, needs_a_route)
{
	struct line any = {0};

	cr_expect(not(can_reach(&any, "192.0.2.1:1")));
	cr_expect(not(can_reach(&any, "[2001:db8::1]:1")));
	add_address(&near, "10.1.1.1/24");
	add_route(&near, "192.0.2.0/24");
	cr_expect(can_reach(&any, "192.0.2.1:1"));
	cr_expect(not(can_reach(&any, "[2001:db8::1]:1")));
}

Test(reach, needs_an_address_on_its_device)
{
	struct line link = {.device = "near"};

	add_address(&far, "10.1.1.1/24");
	add_address(&far, "fd01::1/64");
	cr_expect(not(can_reach(&link, "192.0.2.1:1")), "the system would take an address of far");
	cr_expect(not(can_reach(&link, "[fd01::2]:1")));
	add_address(&near, "10.1.2.1/24");
	cr_expect(can_reach(&link, "10.1.2.2:1"));
	cr_expect(not(can_reach(&link, "[fd01::2]:1")));
	strcpy(link.device, "absent");
	cr_expect(not(can_reach(&link, "10.1.2.2:1")));
}

static void note_added(const struct netif_event *event, void *arg)
{
	if (event->kind == NETIF_ADDRESS_ADDED && event->address.family == AF_INET6 &&
	    event->index == near.index)
		*(bool *)arg = true;
}

/* The kernel takes a moment until it uses a new IPv6 address. */
static void add_usable_address(struct netif *netif, const char *text)
{
	struct netif_monitor monitor;
	bool is_added = false;

	cr_assert(eq(int, netif_monitor_init(&monitor), 0));
	add_address(netif, text);
	while (!is_added) {
		struct pollfd pfd = {.fd = netif_monitor_fd(&monitor), .events = POLLIN};

		cr_assert(eq(int, poll(&pfd, 1, 20000), 1));
		cr_assert(eq(int, netif_monitor_read(&monitor, note_added, &is_added), 0));
	}
	netif_monitor_fini(&monitor);
}

Test(reach, link_local_address_leads_no_further_than_the_link)
{
	struct line any = {0}, link = {.device = "near"};

	add_usable_address(&near, "fe80::7/64");
	add_route(&near, "2001:db8::/32");
	cr_expect(not(can_reach(&any, "[2001:db8::1]:1")));
	cr_expect(not(can_reach(&link, "[2001:db8::1]:1")));
	cr_expect(can_reach(&any, "[fe80::1%near]:1"));
	cr_expect(can_reach(&link, "[fe80::1%near]:1"));
}

Test(reach, needs_the_address_it_is_bound_to)
{
	struct line link = {.bind = endpoint("10.1.1.1:51820")};

	add_address(&far, "10.1.2.1/24");
	add_route(&far, "192.0.2.0/24");
	cr_expect(not(can_reach(&link, "192.0.2.1:1")));
	add_address(&near, "10.1.1.1/24");
	cr_expect(can_reach(&link, "192.0.2.1:1"));
}

Test(reach, wildcard_binds_to_nothing)
{
	struct line link = {.bind = endpoint("[::]:51820"), .device = "far"};

	add_address(&far, "10.1.2.1/24");
	cr_expect(can_reach(&link, "10.1.2.9:1"));
}
