/* SPDX-License-Identifier: MIT */
#include "control/changes_links.h"

#include "changes_rig.h"

TestSuite(changes_links, .init = changes_rig_start, .fini = changes_rig_stop, .timeout = 60);

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
	cr_expect(eq(u32, dsl->wishes.weight, 7));
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

/* What came to the link before is not taken for what came to the one that has its place. */
Test(changes_links, late_news_of_a_link_are_not_those_of_the_next_in_its_place)
{
	struct link *sockets = uplinks_find(&control.uplinks, "dsl")->pair[0].link;
	uint64_t before_ns = clock_boot_ns();

	cr_expect(uplinks_know(&control.uplinks, sockets, before_ns));
	cr_assert(eq(int, lead_to(LTE, at_far), 0));
	cr_expect(not(uplinks_know(&control.uplinks, sockets, clock_boot_ns())), "nobody's");
	for (unsigned round = 1; round < LINKS_MAX; round++)
		cr_assert(eq(int, lead_to(round % 2 ? DSL : LTE, at_far), 0));
	cr_assert(eq(int, lead_to("{name: next, bind: \"127.0.0.1:0\"}", at_far), 0));
	cr_assert(eq(ptr, uplinks_find(&control.uplinks, "next")->pair[0].link, sockets));
	cr_expect(not(uplinks_know(&control.uplinks, sockets, before_ns)));
	cr_expect(uplinks_know(&control.uplinks, sockets, clock_boot_ns()));
}

Test(changes_links, late_news_of_sockets_are_not_those_of_others_of_the_link)
{
	struct link *sockets = uplinks_find(&control.uplinks, "dsl")->pair[0].link;
	uint64_t before_ns = clock_boot_ns();

	cr_assert(eq(int, lead_to("{name: dsl, bind: \"127.0.0.5:0\"}", at_far), 0));
	cr_expect(not(uplinks_know(&control.uplinks, sockets, before_ns)));
	cr_expect(uplinks_know(&control.uplinks, sockets, clock_boot_ns()));
}

/* ---- links that are bound otherwise ---- */

static struct uplink *dsl(void)
{
	return uplinks_find(&control.uplinks, "dsl");
}

static struct path *path_over(struct peer *peer, const char *link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && !strcmp(path->route.link->name, link))
			return path;
	}
	return NULL;
}

Test(changes_links, bind_is_changed_while_the_link_and_its_paths_stay)
{
	struct uplink *before = dsl();
	struct link *sockets = before->pair[0].link;
	struct peer *a = peer_called("a");
	struct path *path = path_over(a, "dsl");
	const struct path_target *target;
	char text[ENDPOINT_TEXT_LEN];
	unsigned id = before->id;

	counter_add(&sockets->rx_packets, 7);
	a->jar[sockets->id].cookie_at_ns = 1;
	cr_assert(eq(int, lead_to("{name: dsl, bind: \"127.0.0.5:0\"}", at_far), 0));
	cr_assert(eq(ptr, dsl(), before));
	cr_expect(eq(uint, before->id, id));
	cr_expect(eq(int, before->pair[0].state, UPLINK_UP));
	cr_expect(sockets->is_open && sockets->thread.running);
	cr_expect(eq(int, strncmp(endpoint_format(&sockets->bound, text), "127.0.0.5:", 10), 0));
	cr_expect(eq(u64, counter_read(&sockets->rx_packets), 7), "it is the same link");
	cr_expect(eq(ptr, path_over(a, "dsl"), path));
	target = rcu_dereference(a->dp->path[path_id(&a->paths, path)].target);
	cr_expect(target && target->route.link == sockets);
	cr_expect(eq(u64, a->jar[sockets->id].cookie_at_ns, 0));
}

Test(changes_links, what_waits_for_an_answer_is_sent_again_from_there)
{
	cr_assert(hears_initiation());
	control.loop.now_ns = clock_boot_ns() + INITIATION_COPY_NS;
	cr_assert(eq(int, lead_to("{name: dsl, bind: \"127.0.0.5:0\"}", at_far), 0));
	cr_expect(hears_initiation());
}

Test(changes_links, peer_with_two_links_goes_on_over_the_other_meanwhile)
{
	struct peer *a = peer_called("a");
	struct path *over_dsl, *over_lte;
	const struct path_table *table;
	char links[256];

	cr_assert(eq(int, lead_to(DSL "," LTE, at_far), 0));
	handshake_abandon(&a->handshake);
	a->session.current = keypair_create(true, 1, 2, control.loop.now_ns);
	a->verdict.is = VERDICT_BONDED;
	over_dsl = path_over(a, "dsl");
	over_lte = path_over(a, "lte");
	health_assume_up(&over_dsl->health, "test", control.loop.now_ns);
	health_assume_up(&over_lte->health, "test", control.loop.now_ns);
	peer_publish_paths(a, control.loop.now_ns);
	cr_assert(over_dsl->is_in_table && over_lte->is_in_table);
	snprintf(links, sizeof links, "{name: dsl, bind: \"127.0.0.5:0\"}, %s", LTE);
	cr_assert(eq(int, lead_to(links, at_far), 0));
	table = rcu_dereference(a->dp->path_table);
	cr_assert(table && table->len);
	for (unsigned i = 0; i < table->len; i++)
		cr_expect(eq(uint, table->slot[i].path_id, path_id(&a->paths, over_lte)));
	cr_expect(eq(int, over_lte->health.state, PATH_UP));
	cr_expect(eq(int, over_dsl->health.state, PATH_DOWN), "until it answers from there");
	cr_expect(lt(u64, over_dsl->health.probe_at_ns, control.loop.now_ns + NS_PER_S / 10));
	keypair_put(a->session.current);
	a->session.current = NULL;
}

Test(changes_links, mark_and_device_are_changed_too)
{
	struct link *sockets = dsl()->pair[0].link;
	uint32_t mark = 0;
	socklen_t len = sizeof mark;

	if (geteuid() != 0)
		cr_skip("needs root for a mark");
	cr_assert(
		eq(int,
	           lead_to("{name: dsl, bind: \"127.0.0.1:0\", fwmark: 0x51, device: lo}", at_far),
	           0));
	cr_expect(eq(int, dsl()->pair[0].state, UPLINK_UP));
	cr_expect(eq(int, getsockopt(sockets->data_fd, SOL_SOCKET, SO_MARK, &mark, &len), 0));
	cr_expect(eq(u32, mark, 0x51));
	cr_expect(eq(uint, sockets->ifindex, if_nametoindex("lo")));
	cr_assert(eq(int, lead_to(DSL, at_far), 0));
	cr_expect(eq(int, getsockopt(sockets->data_fd, SOL_SOCKET, SO_MARK, &mark, &len), 0));
	cr_expect(eq(u32, mark, 0));
	cr_expect(eq(uint, sockets->ifindex, 0));
}

/* Both are closed before either is opened. */
Test(changes_links, two_links_may_change_ports)
{
	struct link *sockets[2];
	char links[256];
	unsigned port[2];

	cr_assert(eq(int, lead_to(DSL "," LTE, at_far), 0));
	sockets[0] = dsl()->pair[0].link;
	sockets[1] = uplinks_find(&control.uplinks, "lte")->pair[0].link;
	for (unsigned i = 0; i < 2; i++)
		port[i] = endpoint_port(&sockets[i]->bound);
	snprintf(links, sizeof links,
	         "{name: dsl, bind: \"127.0.0.1:%u\"}, {name: lte, bind: \"127.0.0.1:%u\"}",
	         port[1], port[0]);
	cr_assert(eq(int, lead_to(links, at_far), 0));
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(sockets[i]->is_open);
		cr_expect(eq(uint, endpoint_port(&sockets[i]->bound), port[!i]));
	}
}

Test(changes_links, paths_of_a_family_that_a_link_has_no_more_go)
{
	struct peer *a = peer_called("a");
	struct route route = {.link = dsl()->pair[0].link};
	char comes_to_us[256];
	struct path *path;

	snprintf(comes_to_us, sizeof comes_to_us, A, "");
	cr_assert(eq(int, lead_to(DSL, comes_to_us), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.9:9", 0, &route.remote), 0));
	path = peer_add_path(a, &route, PATH_LEARNT, control.loop.now_ns);
	peer_set_route(a, path, &route, control.loop.now_ns);
	cr_assert(eq(int, lead_to("{name: dsl, bind: \"[::1]:0\"}", comes_to_us), 0));
	cr_expect(eq(ptr, path_over(a, "dsl"), NULL));
	cr_expect(not(dsl()->pair[0].link->is_open || dsl()->pair[0].is_wanted));
	cr_expect(dsl()->pair[1].link->is_open);
	cr_assert(eq(int, lead_to(DSL, at_far), 0));
	cr_expect(ne(ptr, path_over(a, "dsl"), NULL), "of the endpoint");
	cr_expect(not(dsl()->pair[1].link->is_open));
}

/* Its port is taken: it waits, and is opened when that is free. */
Test(changes_links, link_that_cannot_be_opened_anew_leads_again_when_it_can)
{
	struct endpoint at;
	int holder = rig_socket(&at);
	struct peer *a = peer_called("a");
	unsigned id = path_id(&a->paths, path_over(a, "dsl"));
	char links[128], text[ENDPOINT_TEXT_LEN];

	snprintf(links, sizeof links, "{name: dsl, bind: \"%s\"}", endpoint_format(&at, text));
	cr_assert(eq(int, lead_to(links, at_far), 0));
	cr_expect(eq(int, dsl()->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(ptr, rcu_dereference(a->dp->path[id].target), NULL));
	close(holder);
	control.loop.now_ns += 60 * NS_PER_S;
	deadline_run(&control.loop.deadlines, control.loop.now_ns);
	cr_expect(eq(int, dsl()->pair[0].state, UPLINK_UP));
	cr_expect(ne(ptr, rcu_dereference(a->dp->path[id].target), NULL));
}

/* The only link is replaced, and nothing is sent on one that is not open. */
Test(changes_links, session_of_a_plain_peer_goes_on_when_the_next_link_is_up)
{
	struct endpoint at;
	int holder = rig_socket(&at);
	struct peer *a = peer_called("a");
	char links[128], text[ENDPOINT_TEXT_LEN];

	handshake_abandon(&a->handshake);
	a->session.current = keypair_create(true, 1, 2, control.loop.now_ns);
	a->verdict.is = VERDICT_STOCK;
	peer_follow(a, path_over(a, "dsl"), control.loop.now_ns);
	snprintf(links, sizeof links, "{name: next, bind: \"%s\"}", endpoint_format(&at, text));
	cr_assert(eq(int, lead_to(links, at_far), 0));
	cr_assert(eq(int, uplinks_find(&control.uplinks, "next")->pair[0].state, UPLINK_WAITING));
	cr_expect(eq(uint, a->paths.followed, PATH_NONE));
	close(holder);
	control.loop.now_ns += 6 * NS_PER_S;
	deadline_run(&control.loop.deadlines, control.loop.now_ns);
	cr_assert(eq(int, uplinks_find(&control.uplinks, "next")->pair[0].state, UPLINK_UP));
	cr_expect(eq(ptr, paths_followed(&a->paths), path_over(a, "next")));
	keypair_put(a->session.current);
	a->session.current = NULL;
}
