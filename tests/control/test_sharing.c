/* SPDX-License-Identifier: MIT */
#include "control/sharing.h"

#include "control/paths.h"
#include "route_rig.h"

#define NOW (1000 * NS_PER_S)

static struct link link_[2];
static uint32_t fwmark[2]; /* of each link */
static struct paths paths;

static void setup(void)
{
	for (unsigned i = 0; i < 2; i++) {
		link_[i].is_wildcard = true;
		link_[i].id = i * LINK_FAMILIES;
		strcpy(link_[i].name, i ? "lte" : "dsl");
	}
}

static void setup_routes(void)
{
	route_rig_start();
	setup();
}

TestSuite(sharing, .init = setup);
TestSuite(sharing_device, .init = setup_routes);

static struct path *add(unsigned id, unsigned link, const char *remote, bool is_configured)
{
	struct path *path = &paths.slot[id];

	*path = (struct path){.proof = PATH_PROVED,
	                      .endpoint = is_configured ? 0 : -1,
	                      .route = {.link = &link_[link]}};
	cr_assert(eq(int, endpoint_parse(remote, 51820, &path->route.remote), 0));
	health_assume_up(&path->health, "for the test", NOW - 10 * NS_PER_S);
	return path;
}

static const char *note(const struct path *path)
{
	static char buf[SHARING_TEXT_LEN];

	return sharing_text(&paths, path, NOW, buf);
}

/* ---- the peer's address ---- */

Test(sharing, two_ports_of_one_address_are_told_at_the_later_path)
{
	const struct path *first = add(2, 0, "192.0.2.1:1001", false);
	const struct path *second = add(5, 0, "192.0.2.1:1002", false);

	cr_expect(ne(ptr, strstr(note(second), "same address as path 2"), NULL), "%s",
	          note(second));
	cr_expect(zero(int, *note(first)));
}

Test(sharing, other_addresses_other_links_and_what_is_configured_are_not)
{
	add(0, 0, "192.0.2.1:1001", false);
	cr_expect(zero(int, *note(add(1, 0, "192.0.2.2:1002", false))));
	cr_expect(zero(int, *note(add(1, 1, "192.0.2.1:1002", false))), "another link of ours");
	cr_expect(zero(int, *note(add(1, 0, "192.0.2.1:1002", true))));
}

Test(sharing, path_left_behind_by_a_restart_is_not)
{
	struct path *second;

	add(0, 0, "192.0.2.1:1001", false);
	second = add(1, 0, "192.0.2.1:1002", false);
	second->health.since_ns = NOW - 10 * NS_PER_S + 1;
	cr_expect(zero(int, *note(second)), "up for less than it takes to see the other dead");
	second = add(1, 0, "192.0.2.1:1002", false);
	health_fail(&paths.slot[0].health, "for the test", NOW);
	cr_expect(zero(int, *note(second)));
}

/* ---- the device ---- */

static void look(void)
{
	for (unsigned i = 0; i < 2; i++)
		paths.slot[i].device = sharing_device(&paths.slot[i], fwmark[i]);
}

Test(sharing_device, links_without_device_that_take_one_are_told)
{
	const struct path *first, *second;

	ip("route add default via 10.1.0.1");
	first = add(0, 0, "192.0.2.1:1", true);
	second = add(1, 1, "192.0.2.1:2", true);
	look();
	cr_expect(ne(ptr, strstr(note(second), "leaves by device wan0 as link dsl does"), NULL),
	          "%s", note(second));
	cr_expect(zero(int, *note(first)));
	ip("route add 192.0.2.2 via 10.2.0.1");
	second = add(1, 1, "192.0.2.2:2", true);
	look();
	cr_expect(zero(int, *note(second)), "%s", note(second));
}

Test(sharing_device, mark_of_a_link_is_part_of_its_way)
{
	const struct path *second;

	ip("route add default via 10.1.0.1");
	ip("route add default via 10.2.0.1 table 102");
	ip("rule add fwmark 7 lookup 102");
	fwmark[1] = 7;
	add(0, 0, "192.0.2.1:1", true);
	second = add(1, 1, "192.0.2.1:2", true);
	look();
	cr_expect(zero(int, *note(second)), "%s", note(second));
}

Test(sharing_device, device_that_the_other_link_is_tied_to_counts)
{
	const struct path *second;

	ip("route add default via 10.1.0.1");
	link_[0].ifindex = (unsigned)index_of("wan0");
	add(0, 0, "192.0.2.1:1", true);
	second = add(1, 1, "192.0.2.1:2", true);
	look();
	cr_expect(ne(ptr, strstr(note(second), "wan0"), NULL), "%s", note(second));
	link_[1].ifindex = link_[0].ifindex;
	cr_expect(zero(int, *note(second)), "the links say it themselves");
}
