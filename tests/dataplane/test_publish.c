/* SPDX-License-Identifier: MIT */
/* What is published is found, and what it replaces is let go. */
#include "dataplane/feedback.h"
#include "engine_rig.h"

static struct rig_end end;
static struct dp_peer *peer;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
}

static void teardown(void)
{
	rig_finish(&end, peer, NULL, NULL, 0);
}

TestSuite(publish, .init = setup, .fini = teardown, .timeout = 60);

static struct route route_to(const char *remote)
{
	struct route route = {.link = engine_link(end.engine, 0)};

	cr_assert(eq(int, endpoint_parse(remote, 0, &route.remote), 0));
	return route;
}

static bool is_ours(const struct route *route)
{
	uint8_t packet[28] = {0x45, [9] = 17};

	store_be16(packet + 2, sizeof packet);
	memcpy(packet + 16, &route->remote.in4.sin_addr, 4);
	store_be16(packet + 20, endpoint_port(&engine_link(end.engine, 0)->bound));
	store_be16(packet + 22, endpoint_port(&route->remote));
	return loop_guard_is_ours(&end.engine->loop_guard, packet, sizeof packet);
}

Test(publish, keypair_that_is_replaced_is_put)
{
	struct keypair *first = rig_keypair(&end, peer, true, 1, 2, 1);
	struct keypair *second = rig_keypair(&end, peer, true, 3, 4, 2);
	unsigned unused = reference_count(&first->references); /* ours and the table's */

	rig_use_keypair(peer, first);
	cr_expect(eq(uint, reference_count(&first->references), unused + 1));
	rig_use_keypair(peer, second);
	cr_expect(eq(uint, reference_count(&first->references), unused));
	cr_expect(eq(ptr, rcu_dereference(peer->current), second));
	engine_publish_keypair(peer, NULL);
	cr_expect(eq(uint, reference_count(&second->references), unused));
	rig_drop_keypair(&end, first);
	rig_drop_keypair(&end, second);
}

/* A path is found by where it leads, and datagrams to there are ours as long as it does. */
Test(publish, target_is_found_until_another_takes_its_place)
{
	struct route before = route_to("192.0.2.1:1000"), after = route_to("192.0.2.2:2000");

	rig_start_link(&end, 0);
	cr_expect(eq(uint, dp_peer_find_path(peer, &before), PATH_NONE));
	cr_assert(eq(int, engine_publish_target(peer, 5, &before), 0));
	cr_expect(eq(uint, dp_peer_find_path(peer, &before), 5));
	cr_expect(is_ours(&before));
	cr_assert(eq(int, engine_publish_target(peer, 5, &after), 0));
	cr_expect(eq(uint, dp_peer_find_path(peer, &before), PATH_NONE));
	cr_expect(eq(uint, dp_peer_find_path(peer, &after), 5));
	cr_expect(not(is_ours(&before)));
	cr_assert(eq(int, engine_publish_target(peer, 5, NULL), 0));
	cr_expect(eq(uint, dp_peer_find_path(peer, &after), PATH_NONE));
	cr_expect(not(is_ours(&after)));
}

Test(publish, memory_to_reorder_is_given_once)
{
	struct reorder *first;

	cr_assert(eq(int, engine_enable_reorder(peer), 0));
	first = rcu_dereference(peer->reorder);
	cr_expect(ne(ptr, first, NULL));
	cr_assert(eq(int, engine_enable_reorder(peer), 0));
	cr_expect(eq(ptr, rcu_dereference(peer->reorder), first));
}

Test(publish, reports_are_exchanged_while_they_are_wanted)
{
	struct feedback *first;

	cr_expect(eq(ptr, feedback_of(peer), NULL));
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_expect(eq(ptr, feedback_of(peer), NULL));
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	first = feedback_of(peer);
	cr_expect(ne(ptr, first, NULL));
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	cr_expect(eq(ptr, feedback_of(peer), NULL));
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	cr_expect(eq(ptr, feedback_of(peer), first));
}

Test(publish, path_over_another_link_is_another_path)
{
	struct route here = route_to("192.0.2.1:1000"), moved = route_to("192.0.2.2:2000");
	struct route elsewhere = moved;

	elsewhere.link = engine_link(end.engine, 1);
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	cr_assert(eq(int, engine_publish_target(peer, 5, &here), 0));
	cr_expect(eq(uint, atomic_exchange(&peer->feedback->moved, 0), 1u << 5));
	cr_assert(eq(int, engine_publish_target(peer, 5, &moved), 0));
	cr_expect(eq(uint, atomic_load(&peer->feedback->moved), 0), "the same way, further");
	cr_assert(eq(int, engine_publish_target(peer, 5, &elsewhere), 0));
	cr_expect(eq(uint, atomic_exchange(&peer->feedback->moved, 0), 1u << 5));
	cr_assert(eq(int, engine_publish_target(peer, 5, NULL), 0));
	cr_expect(eq(uint, atomic_load(&peer->feedback->moved), 1u << 5));
}
