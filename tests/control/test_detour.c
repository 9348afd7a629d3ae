/* SPDX-License-Identifier: MIT */
#include "control/detour.h"

#include "base/log.h"
#include "config/desired.h"
#include "route_rig.h"

static struct prefix allowed[4];
static struct desired_peer config_peer = {.allowed_ips = allowed};
static struct desired config = {.peers = &config_peer, .peer_count = 1, .routes_auto = true};
static struct detours detours;
static const struct endpoint anything; /* no family */

static void start(void)
{
	route_rig_start();
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
}

TestSuite(detour, .init = start);

/* A route into the tunnel, unless it is of length 0. */
static void allow(const char *text)
{
	struct prefix *p = &allowed[config_peer.allowed_ip_count++];

	cr_assert(eq(int, prefix_parse(text, p), 0));
	if (p->len)
		ip("route add %s dev vt proto 118", text);
}

static void begin(void)
{
	cr_assert(eq(int, detours_init(&detours, &config, "vt"), 0));
}

static void keep(const char *to, const char *from, uint32_t mark)
{
	struct endpoint ep = address(to), source = from ? address(from) : anything;

	detours_keep(&detours, &ep, &source, mark);
}

static int device_of(const char *to)
{
	struct endpoint ep = address(to);

	return route_device(&ep, &anything, 0);
}

Test(detour, endpoint_under_half_defaults_goes_by_the_present_gateway)
{
	ip("route add default via 10.1.0.1");
	allow("0.0.0.0/1");
	allow("128.0.0.0/1");
	begin();
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan0")));
	cr_expect(eq(int, device_of("192.0.2.2"), index_of("vt")), "the rest stays");
	detours_fini(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")), "it is left behind");
}

Test(detour, allowed_ip_that_is_the_endpoint_itself_gives_way)
{
	ip("route add default via 10.1.0.1");
	allow("192.0.2.1/32");
	begin();
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan0")));
	detours_fini(&detours);
}

Test(detour, follows_the_routes_of_the_system)
{
	ip("route add default via 10.1.0.1");
	ip("route add default via fd01::1");
	allow("128.0.0.0/1");
	allow("2000::/3");
	begin();
	keep("192.0.2.1", NULL, 0);
	keep("2001:db8::1", NULL, 0);
	ip("route replace default via 10.2.0.1");
	ip("-6 route replace default via fd02::1");
	detours_refresh(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan1")));
	cr_expect(eq(int, device_of("2001:db8::1"), index_of("wan1")));
	ip("link set wan1 down"); /* takes all its routes along */
	detours_refresh(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
	ip("link set wan1 up");
	ip("route add default via 10.2.0.1");
	detours_refresh(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan1")));
	detours_fini(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
}

Test(detour, nothing_is_done_where_the_way_is_another_already)
{
	ip("route add default via 10.1.0.1");
	ip("route add default via 10.2.0.1 table 102");
	ip("rule add from 10.2.0.2 lookup 102");
	ip("rule add fwmark 0x33 lookup 102");
	ip("route add 198.51.100.1/32 via 10.1.0.9"); /* a person took care */
	allow("128.0.0.0/1");
	begin();
	keep("192.0.2.1", "10.2.0.2", 0);
	keep("192.0.2.1", NULL, 0x33);
	keep("198.51.100.1", NULL, 0);
	keep("10.50.0.1", NULL, 0); /* not held at all */
	cr_expect(not(shows_route("", "192.0.2.1", "proto 118")));
	detours_fini(&detours);
	cr_expect(shows_route("", "198.51.100.1 via 10.1.0.9", "wan0"));
}

Test(detour, default_prefixes_and_routes_of_others_need_none)
{
	ip("route add default via 10.1.0.1");
	allow("0.0.0.0/0");
	begin();
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(uint, detours.count, 0));
	detours_fini(&detours);
	allow("128.0.0.0/1");
	config.routes_auto = false;
	begin();
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")), "not ours to mend");
	detours_fini(&detours);
}

/* By a run that was killed. */
Test(detour, host_route_that_was_left_is_taken_over)
{
	ip("route add default via 10.1.0.1");
	allow("128.0.0.0/1");
	ip("route add 192.0.2.1/32 via 10.2.0.1 proto 118");
	begin();
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan0")));
	detours_fini(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
}

/* Other allowed IPs became routes, and those who send said anew where. */
static void follow(const char *const said[])
{
	cr_assert(eq(int, detours_ready(&detours, &config), 0));
	detours_begin(&detours);
	for (unsigned i = 0; said[i]; i++)
		keep(said[i], NULL, 0);
	detours_end(&detours);
}

Test(detour, endpoint_that_a_peer_covers_who_came_is_kept)
{
	ip("route add default via 10.1.0.1");
	begin();
	keep("192.0.2.1", NULL, 0);
	cr_assert(eq(uint, detours.count, 0));
	allow("192.0.2.0/24");
	follow((const char *const[]){"192.0.2.1", NULL});
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan0")));
	cr_expect(eq(int, device_of("192.0.2.2"), index_of("vt")));
	detours_fini(&detours);
}

Test(detour, host_routes_nobody_needs_any_more_are_removed)
{
	ip("route add default via 10.1.0.1");
	ip("route add default via fd01::1");
	allow("192.0.2.0/24");
	allow("2001:db8::/64");
	begin();
	keep("192.0.2.1", NULL, 0);
	keep("192.0.2.2", NULL, 0);
	keep("2001:db8::1", NULL, 0);
	cr_assert(shows_route("-6", "2001:db8::1", "proto 118"));
	follow((const char *const[]){"192.0.2.2", NULL}); /* the peers of the others went */
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
	cr_expect(eq(int, device_of("192.0.2.2"), index_of("wan0")));
	cr_expect(not(shows_route("-6", "2001:db8::1", "proto 118")));
	ip("route del 192.0.2.0/24 dev vt proto 118");
	config_peer.allowed_ip_count = 0; /* nothing covers it any more */
	follow((const char *const[]){"192.0.2.2", NULL});
	cr_expect(not(shows_route("", "192.0.2.2", "proto 118")));
	cr_expect(eq(uint, detours.count, 0));
	detours_fini(&detours);
}

Test(detour, host_route_that_another_link_needs_stays)
{
	ip("route add default via 10.1.0.1");
	allow("192.0.2.0/24");
	begin();
	keep("192.0.2.1", "10.1.0.2", 0);
	keep("192.0.2.1", NULL, 0);
	cr_assert(eq(uint, detours.count, 2));
	follow((const char *const[]){"192.0.2.1", NULL});
	cr_expect(eq(uint, detours.count, 1));
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("wan0")));
	detours_fini(&detours);
	cr_expect(eq(int, device_of("192.0.2.1"), index_of("vt")));
}

Test(detour, what_was_readied_and_dropped_is_not_followed)
{
	ip("route add default via 10.1.0.1");
	begin();
	allow("192.0.2.0/24");
	cr_assert(eq(int, detours_ready(&detours, &config), 0));
	detours_drop(&detours);
	keep("192.0.2.1", NULL, 0);
	cr_expect(eq(uint, detours.count, 0));
	detours_fini(&detours);
}

Test(detour, has_a_bound)
{
	ip("route add default via 10.1.0.1");
	allow("128.0.0.0/1");
	begin();
	for (unsigned i = 0; i < DETOURS_MAX + 5; i++) {
		char text[32];

		snprintf(text, sizeof text, "192.0.2.%u", i % (DETOURS_MAX + 2));
		keep(text, NULL, 0);
	}
	cr_expect(eq(uint, detours.count, DETOURS_MAX));
	detours_fini(&detours);
}
