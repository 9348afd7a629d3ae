/* SPDX-License-Identifier: MIT */
#include "control/source.h"

#include <ifaddrs.h>

#include "control/line.h"
#include "route_rig.h"

TestSuite(source, .init = route_rig_start);

static struct line line;

static bool is_stale(const char *local, const char *remote)
{
	struct route route = {.local = address(local), .remote = address(remote)};
	struct ifaddrs *list;

	cr_assert(eq(int, getifaddrs(&list), 0));
	bool result = source_is_stale(&route, &line, list);
	freeifaddrs(list);
	return result;
}

Test(source, address_is_stale_once_its_line_is_not_the_way)
{
	ip("route add default via 10.1.0.1");
	cr_expect(not(is_stale("10.1.0.2", "192.0.2.1")));
	ip("route replace default via 10.2.0.1");
	cr_expect(is_stale("10.1.0.2", "192.0.2.1"));
	cr_expect(not(is_stale("10.2.0.2", "192.0.2.1")));
	ip("route del default");
	cr_expect(is_stale("10.2.0.2", "192.0.2.1"), "there is no way at all");
	ip("-6 route add default via fd01::1");
	cr_expect(not(is_stale("fd01::2", "2001:db8::1")));
	cr_expect(is_stale("fd02::2", "2001:db8::1"));
}

Test(source, second_address_of_the_line_is_kept)
{
	ip("route add default via 10.1.0.1");
	ip("address add 10.1.0.77/24 dev wan0");
	cr_expect(not(is_stale("10.1.0.77", "192.0.2.1")));
	ip("route add 198.51.100.0/24 via 10.2.0.1"); /* somebody else's way */
	cr_expect(not(is_stale("10.1.0.77", "192.0.2.1")));
}

Test(source, rule_for_the_source_keeps_it)
{
	ip("route add default via 10.1.0.1");
	ip("route add default via 10.2.0.1 table 102");
	ip("rule add from 10.2.0.2 lookup 102");
	cr_expect(not(is_stale("10.2.0.2", "192.0.2.1")));
}

Test(source, address_that_is_gone_is_stale)
{
	ip("route add default via 10.1.0.1");
	cr_expect(is_stale("10.1.0.99", "192.0.2.1"));
}

Test(source, address_of_no_line_is_kept)
{
	ip("route add default via 10.1.0.1");
	ip("address add 203.0.113.1/32 dev lo");
	cr_expect(not(is_stale("203.0.113.1", "192.0.2.1")));
}

Test(source, with_a_device_its_own_addresses_count)
{
	strcpy(line.device, "wan1");
	ip("route add default via 10.1.0.1");
	cr_expect(not(is_stale("10.2.0.2", "192.0.2.1")));
	cr_expect(is_stale("10.1.0.2", "192.0.2.1"));
}
