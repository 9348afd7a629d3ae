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
