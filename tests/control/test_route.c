/* SPDX-License-Identifier: MIT */
#include "control/route.h"

#include "route_rig.h"

TestSuite(route, .init = route_rig_start);

static const struct endpoint anything; /* no family */

/* The device beside "vt" towards @to, and its gateway's last byte; 0 where there is no way. */
static int beside(const char *to, uint8_t *ret_gateway)
{
	struct endpoint ep = address(to);
	struct route_hop hop;
	bool has_host;
	int r = route_beside(index_of("vt"), &ep, &hop, &has_host);

	if (r) {
		cr_expect(eq(int, r, -ENETUNREACH));
		return 0;
	}
	*ret_gateway = hop.gateway[hop.gateway_family == AF_INET ? 3 : 15];
	cr_expect(eq(int, hop.gateway_family == AF_UNSPEC, *ret_gateway == 0));
	return hop.ifindex;
}

Test(route, device_of_an_address_is_that_of_the_system)
{
	struct endpoint far = address("192.0.2.1"), far6 = address("2001:db8::1");
	struct endpoint from = address("10.2.0.2");

	cr_expect(eq(int, route_device(&far, &anything, 0), -ENETUNREACH));
	ip("route add default via 10.1.0.1");
	ip("route add default via fd01::1");
	cr_expect(eq(int, route_device(&far, &anything, 0), index_of("wan0")));
	cr_expect(eq(int, route_device(&far6, &anything, 0), index_of("wan0")));
	ip("route add default via 10.2.0.1 table 102");
	ip("rule add from 10.2.0.2 lookup 102");
	cr_expect(eq(int, route_device(&far, &from, 0), index_of("wan1")));
	ip("route add default dev vt table 103");
	ip("rule add fwmark 0x33 lookup 103");
	cr_expect(eq(int, route_device(&far, &anything, 0x33), index_of("vt")));
	cr_expect(eq(int, route_device(&far, &anything, 0x34), index_of("wan0")));
}

Test(route, way_beside_is_the_longest_and_cheapest_without_our_device)
{
	uint8_t gateway = 99;

	cr_expect(eq(int, beside("192.0.2.1", &gateway), 0));
	ip("route add 0.0.0.0/1 dev vt");
	ip("route add 128.0.0.0/1 dev vt");
	ip("route add 192.0.2.1/32 dev vt");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), 0));
	ip("route add default via 10.2.0.1 metric 200");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan1")));
	ip("route add default via 10.1.0.7 metric 100");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan0")));
	cr_expect(eq(u8, gateway, 7));
	ip("route add 192.0.0.0/16 via 10.2.0.9 metric 900");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan1")));
	cr_expect(eq(u8, gateway, 9));
	ip("route add 192.0.2.0/24 dev wan0");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan0")));
	cr_expect(eq(u8, gateway, 0));
	cr_expect(eq(int, beside("10.2.0.5", &gateway), index_of("wan1")), "on the link");
}

Test(route, way_beside_of_ipv6)
{
	uint8_t gateway = 99;

	ip("route add 2000::/3 dev vt");
	ip("route add default via fd02::3");
	cr_expect(eq(int, beside("2001:db8::1", &gateway), index_of("wan1")));
	cr_expect(eq(u8, gateway, 3));
	cr_expect(eq(int, beside("fd01::77", &gateway), index_of("wan0")));
	cr_expect(eq(u8, gateway, 0));
}

Test(route, of_several_next_hops_one_that_works_is_taken)
{
	uint8_t gateway = 99;

	ip("route add default nexthop dev vt nexthop via 10.1.0.4 nexthop via 10.2.0.5");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan0")));
	cr_expect(eq(u8, gateway, 4));
	ip("link set wan0 down");
	cr_expect(eq(int, beside("192.0.2.1", &gateway), index_of("wan1")));
	cr_expect(eq(u8, gateway, 5));
}

Test(route, gateway_of_the_other_family_is_kept)
{
	struct endpoint far = address("192.0.2.1");
	struct route_hop hop;
	bool has_host;

	ip("-4 route add default via inet6 fd01::1 dev wan0");
	cr_assert(eq(int, route_beside(index_of("vt"), &far, &hop, &has_host), 0));
	cr_expect(eq(int, hop.gateway_family, AF_INET6));
	cr_assert(eq(int, route_set_host(&far, &hop), 0));
	cr_expect(shows_route("", "192.0.2.1 via inet6 fd01::1 dev wan0", "proto 118"));
}

Test(route, host_route_is_set_replaced_not_found_beside_and_cleared)
{
	static const struct {
		const char *family, *far, *all, *gateway[2];
	} cases[] = {
		{"-4", "192.0.2.1", "128.0.0.0/1", {"10.1.0.1", "10.2.0.1"}},
		{"-6", "2001:db8::1", "2000::/3", {"fd01::1", "fd02::1"}},
	};

	for (unsigned i = 0; i < 2; i++) {
		struct endpoint far = address(cases[i].far);
		struct route_hop hop;
		bool has_host;

		ip("route add %s dev vt", cases[i].all);
		for (unsigned k = 0; k < 2; k++) {
			ip("%s route replace default via %s", cases[i].family, cases[i].gateway[k]);
			cr_assert(eq(int, route_beside(index_of("vt"), &far, &hop, &has_host), 0));
			cr_expect(eq(int, has_host, k));
			cr_assert(eq(int, route_set_host(&far, &hop), 0));
			cr_expect(eq(int, route_device(&far, &anything, 0),
			             index_of(k ? "wan1" : "wan0")));
			cr_expect(shows_route(cases[i].family, cases[i].far, "proto 118"));
		}
		cr_expect(eq(int, route_clear_host(&far, &hop), 0));
		cr_expect(eq(int, route_device(&far, &anything, 0), index_of("vt")));
		cr_expect(eq(int, route_clear_host(&far, &hop), 0), "gone already");
	}
}

Test(route, source_that_the_route_gives_is_kept)
{
	struct endpoint far = address("192.0.2.1");
	struct route_hop hop;
	bool has_host;

	ip("address add 10.1.0.77/24 dev wan0");
	ip("route add default via 10.1.0.1 src 10.1.0.77");
	cr_assert(eq(int, route_beside(index_of("vt"), &far, &hop, &has_host), 0));
	cr_assert(eq(int, route_set_host(&far, &hop), 0));
	cr_expect(shows_route("", "192.0.2.1 via 10.1.0.1", "src 10.1.0.77"));
}
