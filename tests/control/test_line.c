/* SPDX-License-Identifier: MIT */
#include "control/line.h"

#include "route_rig.h"

TestSuite(line, .init = route_rig_start);

static struct line line;

static void expect(const char *bind, const char *device)
{
	struct endpoint at = address(bind);
	char name[IF_NAMESIZE];

	endpoint_set_port(&at, 51820);
	line_device(&line, &at, name);
	cr_expect(eq(str, name, (char *)device), "%s", bind);
}

Test(line, device_that_has_the_address_is_used)
{
	expect("10.1.0.2", "wan0");
	expect("10.2.0.2", "wan1");
	expect("fd02::2", "wan1");
	ip("address del 10.2.0.2/24 dev wan1");
	expect("10.2.0.2", "");
	ip("address add 10.2.0.2/24 dev wan0");
	expect("10.2.0.2", "wan0");
}

Test(line, nothing_and_addresses_of_no_line_name_none)
{
	ip("address add 203.0.113.1/32 dev lo");
	expect("0.0.0.0", "");
	expect("::", "");
	expect("203.0.113.1", "");
	expect("127.0.0.1", "");
}

Test(line, configuration_has_the_last_word)
{
	line.has_fwmark = true;
	expect("10.1.0.2", "");
	line = (struct line){.any_device = true};
	expect("10.1.0.2", "");
	line = (struct line){.device = "wan1"};
	expect("10.1.0.2", "wan1");
	expect("0.0.0.0", "wan1");
}

Test(line, is_bound_to_one_address_of_its_family)
{
	struct prefix ipv4 = {AF_INET, 24, {192, 0, 2, 7}}, ipv6 = {AF_INET6, 64, {0x20, 1}};

	cr_expect(not(line_is_bound_to(&line, &ipv4)), "to nothing");
	cr_assert(eq(int, endpoint_parse("192.0.2.7:51820", 0, &line.bind), 0));
	cr_expect(line_is_bound_to(&line, &ipv4), "whatever the port and the length");
	cr_expect(not(line_is_bound_to(&line, &ipv6)));
	ipv4.addr[3] = 8;
	cr_expect(not(line_is_bound_to(&line, &ipv4)));
	cr_assert(eq(int, endpoint_parse("[2001::]:1", 0, &line.bind), 0));
	cr_expect(line_is_bound_to(&line, &ipv6));
}
