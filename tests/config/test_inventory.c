/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own, in which `ip` makes devices. */
#include "config/inventory.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../expect_text.h"
#include "../namespace_rig.h"

TestSuite(inventory, .init = enter_namespace);

static void run(const char *command)
{
	cr_assert(zero(int, system(command)), "%s", command);
}

Test(inventory, devices_are_listed_with_their_addresses_and_state)
{
	char buf[INVENTORY_TEXT_LEN];

	EXPECT_TEXT(inventory_text(buf), "none");
	run("ip link add up1 type veth peer name wan1");
	run("ip link set lo up; ip link set up1 up");
	run("ip addr add 192.0.2.10/24 dev up1; ip addr add 198.51.100.1/32 dev up1");
	run("ip addr add 2001:db8::1/64 dev up1 nodad");
	inventory_text(buf);
	cr_expect(ne(ptr, strstr(buf, "up1 (192.0.2.10, 198.51.100.1, 2001:db8::1)"), NULL), "%s",
	          buf);
	cr_expect(ne(ptr, strstr(buf, "wan1 (down, no address)"), NULL), "%s", buf);
	cr_expect(eq(ptr, strstr(buf, "lo ("), NULL), "%s", buf);
	cr_expect(eq(ptr, strstr(buf, "fe80"), NULL), "%s", buf);
}

Test(inventory, many_devices_are_cut_short)
{
	char buf[INVENTORY_TEXT_LEN];

	run("for i in 10 11 12 13 14 15 16 17 18 19; do "
	    "ip link add a-long-name-$i type veth peer name b-long-name-$i; done");
	memset(buf, 'x', sizeof buf);
	inventory_text(buf);
	cr_assert(lt(sz, strnlen(buf, sizeof buf), sizeof buf));
	EXPECT_TEXT(buf + strlen(buf) - 4, " ...");
}

Test(inventory, uplinks_are_the_devices_of_default_routes)
{
	char names[3][IF_NAMESIZE];

	cr_expect(eq(uint, inventory_uplinks(names, 3), 0));
	run("ip link set lo up");
	run("for i in 1 2 3 4; do ip link add up$i type veth peer name wan$i; "
	    "ip link set up$i up; ip link set wan$i up; ip addr add 10.0.$i.2/24 dev up$i; done");
	run("ip addr add fd00:3::2/64 dev up3 nodad");
	cr_expect(eq(uint, inventory_uplinks(names, 3), 0), "addresses alone make no uplink");

	run("ip route add 10.9.0.0/16 via 10.0.4.1");
	run("ip route add default via 10.0.2.1; ip route add default via 10.0.1.1 metric 7");
	run("ip -6 route add default via fd00:3::1; ip -6 route add default via fd00:3::9 metric "
	    "7");
	cr_assert(eq(uint, inventory_uplinks(names, 3), 3));
	EXPECT_TEXT(names[0], "up2");
	EXPECT_TEXT(names[1], "up1");
	EXPECT_TEXT(names[2], "up3");
	cr_assert(eq(uint, inventory_uplinks(names, 1), 1));
}
