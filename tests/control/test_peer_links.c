/* SPDX-License-Identifier: MIT */
/* Paths and links that the system refuses; see peer_rig.h. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "peer_case.h"

TestSuite(peer_links, .init = case_setup, .fini = case_teardown);

Test(peer_links, only_path_never_rests)
{
	struct path *path;

	rig_path(&rig, 0);
	greet(rig_session(&rig, false, true, 0), boot_id);
	path = origin(0);
	bring_up(path);
	for (unsigned i = 0; i < 20; i++)
		peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, 0));
	cr_expect(eq(int, path->health.state, PATH_UP));
}

Test(peer_links, path_rests_after_three_refusals_in_a_row_beside_another)
{
	struct path *path = bonded_and_up();

	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->health.probe_at_ns, rig.now_ns + NS_PER_MS),
	          "one finds out at once");
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	counter_add_shared(&rig.peer->dp->path[path_id(&rig.peer->paths, path)].tx_packets, 1);
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, 0), "one was sent in between");
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, rig.now_ns + 5 * NS_PER_S));
	cr_expect(eq(int, path->health.state, PATH_DOWN));
}

Test(peer_links, first_refusal_makes_a_path_suspect_until_it_answers)
{
	struct path *path = bonded_and_up();

	rig.now_ns += 50 * NS_PER_MS;
	peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(int, path->health.state, PATH_SUSPECT));
	cr_expect(eq(u64, path->health.probe_at_ns, rig.now_ns));
	cr_expect(eq(u64, path->doubt.count, 1));
	cr_expect(eq(int, origin(1)->health.state, PATH_UP));
	bring_up(path);
	cr_expect(eq(int, path->health.state, PATH_UP));
}

/* ---- ICMP errors ---- */

/* About a datagram of ours to @path. */
static struct icmp_error error_about(const struct path *path)
{
	struct icmp_error error = {
		.from = path->route.link->bound, .to = path->route.remote, .why = "they say so"};

	return error;
}

Test(peer_links, icmp_error_makes_the_path_it_is_about_suspect)
{
	struct path *path = bonded_and_up();
	const struct icmp_error error = error_about(path);

	bring_up(origin(1));
	rig.now_ns += 50 * NS_PER_MS;
	cr_assert(peer_hears_icmp(rig.peer, &error, rig.now_ns));
	cr_expect(eq(int, path->health.state, PATH_SUSPECT));
	cr_expect(eq(str, (char *)path->health.reason, "they say so"));
	cr_expect(eq(u64, path->health.probe_at_ns, rig.now_ns));
	cr_expect(eq(int, origin(1)->health.state, PATH_UP));
	cr_expect(path->is_in_table, "it is no reason to take it away");
}

Test(peer_links, icmp_errors_of_a_flood_are_heeded_once)
{
	struct path *path = bonded_and_up();
	const struct icmp_error error = error_about(path);

	rig.now_ns += 50 * NS_PER_MS;
	for (unsigned i = 0; i < 1000; i++)
		cr_assert(peer_hears_icmp(rig.peer, &error, rig.now_ns));
	cr_expect(eq(u64, path->doubt.count, 1));
	cr_expect(eq(u64, path->rest_until_ns, 0));
}

Test(peer_links, icmp_error_about_something_else_is_nobodys)
{
	struct path *path = bonded_and_up();
	struct icmp_error error = error_about(path);

	endpoint_set_port(&error.to, (uint16_t)(endpoint_port(&error.to) + 1));
	cr_expect(not(peer_hears_icmp(rig.peer, &error, rig.now_ns)), "another endpoint");
	error = error_about(path);
	error.from.in4.sin_addr.s_addr ^= htonl(1 << 8);
	cr_expect(not(peer_hears_icmp(rig.peer, &error, rig.now_ns)), "another address of ours");
	error = error_about(path);
	error.from = origin(1)->route.link->bound;
	cr_expect(not(peer_hears_icmp(rig.peer, &error, rig.now_ns)), "another link");
	cr_expect(eq(int, path->health.state, PATH_UP));
}

Test(peer_links, icmp_error_leaves_the_only_path_alone)
{
	struct path *path;

	rig_path(&rig, 0);
	greet(rig_session(&rig, false, true, 0), boot_id);
	path = origin(0);
	bring_up(path);
	const struct icmp_error error = error_about(path);

	peer_hears_icmp(rig.peer, &error, rig.now_ns);
	cr_expect(eq(int, path->health.state, PATH_UP));
	cr_expect(eq(u64, path->doubt.count, 0));
}

Test(peer_links, path_that_rests_is_tried_when_the_network_changes)
{
	struct path *path = bonded_and_up();

	for (unsigned i = 0; i < 3; i++)
		peer_path_refused(rig.peer, path, ENETUNREACH, rig.now_ns);
	cr_assert(lt(u64, rig.now_ns, path->rest_until_ns));
	rig.now_ns += NS_PER_S;
	peer_try_again(rig.peer, rig.now_ns);
	cr_expect(le(u64, path->rest_until_ns, rig.now_ns));
	cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns), "serviced now");
}

Test(peer_links, link_that_rests_is_tried_when_the_network_changes)
{
	struct uplink_pair *pair = rig_pair(&rig, 0);

	bonded();
	bring_up(origin(0));
	peer_path_refused(rig.peer, origin(0), ENETDOWN, rig.now_ns);
	cr_assert(eq(int, pair->state, UPLINK_RESTING));
	rig.now_ns += NS_PER_S;
	deadline_run(&rig.control.loop.deadlines, rig.now_ns);
	cr_expect(eq(int, pair->state, UPLINK_RESTING), "nothing has changed");
	uplinks_try_again(&rig.control.uplinks, rig.now_ns);
	deadline_run(&rig.control.loop.deadlines, rig.now_ns);
	cr_expect(eq(int, pair->state, UPLINK_UP));
}

/* A second that lasted longer, since there was much to do, is no burst. */
Test(peer_links, rates_are_of_the_time_since_the_last_look)
{
	struct path *path = rig_path(&rig, 0);
	struct dp_path *dp = &rig.peer->dp->path[path_id(&rig.peer->paths, path)];

	peer_sample_rates(rig.peer, rig.now_ns);
	atomic_store(&dp->tx_bytes, 1000);
	atomic_store(&dp->rx_bytes, 3000);
	peer_sample_rates(rig.peer, rig.now_ns + 2 * NS_PER_S);
	cr_expect(eq(u64, path->tx_bps, 4000));
	cr_expect(eq(u64, path->rx_bps, 12000));
	peer_sample_rates(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(u64, path->tx_bps, 0));
}

/* ---- source addresses ---- */

static struct path *pinned_to(const char *local)
{
	struct path *path;

	bonded();
	path = origin(0);
	bring_up(path);
	path->route.link->is_wildcard = true;
	cr_assert(eq(int, endpoint_parse(local, 7, &path->route.local), 0));
	return path;
}

static int family_after_check(struct path *path)
{
	struct ifaddrs *list;

	cr_assert(eq(int, getifaddrs(&list), 0));
	peer_check_sources(rig.peer, list, rig.now_ns);
	freeifaddrs(list);
	return endpoint_family(&path->route.local);
}

Test(peer_links, source_that_no_device_has_is_forgotten)
{
	struct path *path = pinned_to("192.0.2.9");

	path->route.link->is_wildcard = false;
	cr_expect(eq(int, family_after_check(path), AF_INET), "it is the link's own");
	path->route.link->is_wildcard = true;
	cr_expect(eq(int, family_after_check(path), AF_UNSPEC));
	cr_expect(path_has_target(path));
	cr_expect(eq(int, path->health.state, PATH_UP), "it leads where it did");
}

Test(peer_links, source_that_is_not_stale_is_kept_until_the_peer_is_silent)
{
	struct path *path = pinned_to("127.0.0.1");

	cr_expect(eq(int, family_after_check(path), AF_INET));
	peer_forget_sources(rig.peer, rig.now_ns);
	cr_expect(eq(int, endpoint_family(&path->route.local), AF_UNSPEC));
}

Test(peer_links, path_that_goes_down_forgets_a_source_that_is_gone)
{
	struct path *path = pinned_to("192.0.2.9");

	peer_hears(rig.peer, NEWS_PATH_CHANGED, &(struct news){.now_ns = rig.now_ns, .path = path});
	cr_expect(eq(int, endpoint_family(&path->route.local), AF_INET), "it is up");
	health_fail(&path->health, "for the test", rig.now_ns);
	peer_hears(rig.peer, NEWS_PATH_CHANGED, &(struct news){.now_ns = rig.now_ns, .path = path});
	cr_expect(eq(int, endpoint_family(&path->route.local), AF_UNSPEC));
}

/* ---- lines that paths share ---- */

static void move_to(struct path *path, const char *remote)
{
	cr_assert(eq(int, endpoint_parse(remote, 0, &path->route.remote), 0));
	path->route.link = rig_pair(&rig, 0)->link;
	path->endpoint = -1;
	path->health.since_ns = rig.now_ns - 10 * NS_PER_S;
}

Test(peer_links, shared_line_is_told_once_until_it_ends)
{
	struct path *first, *second;

	bonded();
	bring_up(first = origin(0));
	bring_up(second = origin(1));
	if (first > second)
		second = origin(0), first = origin(1);
	move_to(first, "192.0.2.1:1001");
	move_to(second, "192.0.2.1:1002");
	peer_tell_sharing(rig.peer, rig.now_ns);
	cr_expect(second->is_sharing_told);
	cr_expect(not(first->is_sharing_told));
	health_fail(&first->health, "for the test", rig.now_ns);
	peer_tell_sharing(rig.peer, rig.now_ns);
	cr_expect(not(second->is_sharing_told), "it may be told again");
}

Test(peer_links, device_is_asked_of_configured_paths_alone)
{
	struct path *configured, *learnt;

	bonded();
	bring_up(configured = origin(0));
	bring_up(learnt = origin(1));
	configured->endpoint = 0;
	learnt->endpoint = -1;
	peer_look_at_sharing(rig.peer);
	cr_expect(eq(int, configured->device, (int)if_nametoindex("lo")));
	cr_expect(eq(int, learnt->device, 0));
}

/* ---- a plain peer, and the link that it is on ---- */

/* It came over link 0 and is there. */
static struct path *plain_and_up(void)
{
	struct path *path;

	rig_path(&rig, 0);
	rig_session(&rig, false, false, 0);
	path = origin(0);
	rig.peer->verdict.is = VERDICT_STOCK;
	peer_follow(rig.peer, path, rig.now_ns);
	health_assume_up(&path->health, "it is there", rig.now_ns);
	return path;
}

Test(peer_links, plain_peer_is_where_it_was_when_its_link_is_bound_anew)
{
	struct path *path = plain_and_up();
	const struct link *link = path->route.link;

	peer_link_closed(rig.peer, link, rig.now_ns);
	cr_assert(eq(int, path->health.state, PATH_DOWN));
	peer_link_back(rig.peer, link, rig.now_ns);
	cr_expect(eq(int, path->health.state, PATH_UP));
	cr_expect(eq(str, (char *)path->health.reason, "its link is back"));
}

Test(peer_links, plain_peer_whose_link_is_gone_is_found_wherever_it_speaks)
{
	struct path *path = plain_and_up();

	cr_expect(eq(uint, atomic_load(&rig.peer->dp->followed_path),
	             path_id(&rig.peer->paths, path)));
	peer_link_gone(rig.peer, path->route.link, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.followed, PATH_NONE));
	cr_expect(eq(uint, atomic_load(&rig.peer->dp->followed_path), PATH_LOST));
}
