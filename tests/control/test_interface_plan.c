/* SPDX-License-Identifier: MIT */
#include "control/interface_plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/socket.h>

#include "config/desired.h"

static struct prefix addresses[2], allowed[2][2];
static struct desired_peer peers[2] = {{.allowed_ips = allowed[0], .allowed_ip_count = 2},
                                       {.allowed_ips = allowed[1], .allowed_ip_count = 1}};
static struct desired wanted = {.addresses = addresses,
                                .address_count = 2,
                                .routes_auto = true,
                                .peers = peers,
                                .peer_count = 2};
static struct interface_plan plan;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	cr_assert(eq(int, prefix_parse(text, &p), 0));
	return p;
}

static void setup(void)
{
	addresses[0] = prefix("10.98.0.2/24");
	addresses[1] = prefix("fd98::2/64");
	allowed[0][0] = prefix("192.168.7.0/24");
	allowed[0][1] = prefix("0.0.0.0/0");
	allowed[1][0] = prefix("fd07::/64");
}

static void teardown(void)
{
	interface_plan_fini(&plan);
	interface_plan_fini(&plan); /* nothing is left */
}

TestSuite(interface_plan, .init = setup, .fini = teardown);

Test(interface_plan, is_a_copy)
{
	cr_assert(eq(int, interface_plan_init(&plan, &wanted), 0));
	addresses[0] = allowed[0][0] = prefix("203.0.113.0/24");
	cr_assert(eq(sz, plan.address_count, 2));
	cr_assert(eq(sz, plan.route_count, 3));
	cr_expect(prefix_equal(&plan.addresses[0], &(struct prefix){AF_INET, 24, {10, 98, 0, 2}}));
	cr_expect(prefix_equal(&plan.routes[0], &(struct prefix){AF_INET, 24, {192, 168, 7, 0}}));
	cr_expect(prefix_equal(&plan.routes[2], &allowed[1][0]));
}

Test(interface_plan, has_no_routes_that_nobody_wants)
{
	wanted.routes_auto = false;
	cr_assert(eq(int, interface_plan_init(&plan, &wanted), 0));
	cr_expect(eq(sz, plan.route_count, 0));
	cr_expect(eq(sz, plan.address_count, 2));
}

Test(interface_plan, route_of_an_address_comes_by_itself)
{
	struct prefix of_address = prefix("10.98.0.0/24"), of_far_end = prefix("10.97.0.0/24"),
		      ipv6 = prefix("fd98::/64");

	cr_assert(eq(int, interface_plan_init(&plan, &wanted), 0));
	cr_expect(interface_plan_comes_by_itself(&plan, &of_address));
	cr_expect(interface_plan_comes_by_itself(&plan, &ipv6));
	cr_expect(not(interface_plan_comes_by_itself(&plan, &of_far_end)));
	plan.destination = prefix("10.97.0.1/24"); /* point to point */
	cr_expect(interface_plan_comes_by_itself(&plan, &of_far_end));
	cr_expect(not(interface_plan_comes_by_itself(&plan, &of_address)));
	cr_expect(interface_plan_comes_by_itself(&plan, &ipv6), "another family");
}
