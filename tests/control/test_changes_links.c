/* SPDX-License-Identifier: MIT */
#include "control/changes_links.h"

#include "changes_rig.h"

TestSuite(changes_links, .init = rig_start, .fini = rig_stop, .timeout = 60);

/* ---- links that come and go ---- */

Test(changes_links, link_that_comes_is_opened_and_used)
{
	struct uplink *lte;

	cr_assert(hears_initiation());
	control.loop.now_ns = clock_boot_ns() + INITIATION_COPY_NS;
	cr_assert(eq(int, lead_to(DSL "," LTE, at_far), 0));
	lte = uplinks_find(&control.uplinks, "lte");
	cr_assert(ne(ptr, lte, NULL));
	cr_expect(eq(int, lte->pair[0].state, UPLINK_UP));
	cr_expect(lte->pair[0].link->thread.running);
	cr_expect(eq(uint, control.uplinks.in_use, 2));
	cr_expect(eq(uint, paths_over(peer_called("a"), "dsl"), 1));
	cr_expect(eq(uint, paths_over(peer_called("a"), "lte"), 1));
	cr_expect(hears_initiation(), "the pending one, over it");
}

Test(changes_links, link_that_goes_takes_its_paths_along_and_frees_its_port)
{
	struct link_settings again = {.name = "again"};
	struct link *dsl = uplinks_find(&control.uplinks, "dsl")->pair[0].link;
	struct peer *a = peer_called("a");

	cr_assert(eq(uint, paths_over(a, "dsl"), 1));
	again.bind = dsl->bound;
	cr_assert(eq(int, lead_to(LTE, at_far), 0));
	cr_expect(eq(ptr, uplinks_find(&control.uplinks, "dsl"), NULL));
	cr_expect(not(dsl->is_open || dsl->thread.running));
	cr_expect(eq(uint, control.uplinks.in_use, 1));
	cr_expect(eq(ptr, peer_called("a"), a));
	cr_expect(eq(uint, paths_over(a, "dsl"), 0));
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_target *target = rcu_dereference(a->dp->path[i].target);

		cr_expect(not(target && target->route.link == dsl));
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_expect(eq(int, bind(fd, &again.bind.sa, endpoint_len(&again.bind)), 0));
	close(fd);
}

Test(changes_links, places_of_links_are_used_again)
{
	for (unsigned round = 0; round < 2 * LINKS_MAX; round++) {
		cr_assert(eq(int, lead_to(round % 2 ? DSL : LTE, at_far), 0));
		cr_assert(eq(uint, control.uplinks.in_use, 1));
	}
	cr_expect(ne(ptr, uplinks_find(&control.uplinks, "dsl"), NULL));
	cr_expect(le(uint, control.uplinks.count, LINKS_MAX));
}

Test(changes_links, weight_of_a_link_is_changed_in_place)
{
	struct uplink *dsl = uplinks_find(&control.uplinks, "dsl");

	cr_assert(eq(int, lead_to("{name: dsl, bind: \"127.0.0.1:0\", weight: 7}", at_far), 0));
	cr_expect(eq(ptr, uplinks_find(&control.uplinks, "dsl"), dsl));
	cr_expect(eq(u32, dsl->weight, 7));
	cr_expect(eq(int, dsl->pair[0].state, UPLINK_UP));
}

/* Of two that are bound to one port the second waits, and so does no other behind it. */
Test(changes_links, link_that_cannot_be_opened_keeps_no_other_from_it)
{
	const struct uplink *twin, *lte;
	char links[512], text[ENDPOINT_TEXT_LEN];

	snprintf(
		links, sizeof links, DSL ", {name: twin, bind: \"%s\"}, " LTE,
		endpoint_format(&uplinks_find(&control.uplinks, "dsl")->pair[0].link->bound, text));
	cr_assert(eq(int, lead_to(links, at_far), 0));
	twin = uplinks_find(&control.uplinks, "twin");
	lte = uplinks_find(&control.uplinks, "lte");
	cr_expect(eq(int, twin->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(int, lte->pair[0].state, UPLINK_UP));
}
