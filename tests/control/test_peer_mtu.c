/* SPDX-License-Identifier: MIT */
/* How long packets may be on the paths of a peer: whom it is asked of, and what follows; see
 * peer_rig.h. The search itself is test_pmtu.c's.
 */
#include "control/peer_mtu.h"

#include "peer_case.h"
#include "sched/path_table.h"

#define MTU      1420u
#define DATAGRAM (MTU + TRANSPORT_OVERHEAD)

TestSuite(peer_mtu, .init = case_setup, .fini = case_teardown);

static struct path *ready(void)
{
	struct path *path = bonded_and_up();

	peer_heed_mtu(rig.peer, true, rig.now_ns);
	peer_publish_paths(rig.peer, rig.now_ns);
	return path;
}

/* Whether a datagram of @len bytes came to the peer's end of link @i; takes all there are. */
static bool came(unsigned i, size_t len)
{
	uint8_t datagram[2048];
	bool is_there = false;
	ssize_t n;

	while ((n = recv(rig.remote_fd[i], datagram, sizeof datagram, MSG_DONTWAIT)) >= 0)
		is_there |= (size_t)n == len;
	return is_there;
}

static uint64_t service(struct path *path)
{
	return peer_mtu_service(rig.peer, path, rig.now_ns);
}

static const struct path_table *table(void)
{
	return rcu_dereference(rig.peer->dp->path_table);
}

/* All probes of @path are lost, though ordinary ones are answered, until nothing is due. */
static void lose_all(struct path *path)
{
	for (unsigned i = 0; i < 100; i++) {
		uint64_t due_ns = service(path);

		if (path->mtu.state == PMTU_FOUND)
			break;
		rig.now_ns = due_ns > rig.now_ns ? due_ns : rig.now_ns + 1;
		path->health.answered_ns = rig.now_ns;
	}
	cr_assert(eq(int, path->mtu.state, PMTU_FOUND));
}

Test(peer_mtu, path_that_is_up_is_probed_with_the_longest_packet)
{
	struct path *path = ready();
	uint64_t due_ns = service(path);

	cr_expect(came(0, DATAGRAM));
	cr_expect(lt(u64, rig.now_ns, due_ns));
	cr_expect(lt(u64, due_ns, rig.now_ns + NS_PER_S));
	peer_take_mtu_answer(rig.peer, path, 0, rig.now_ns);
	cr_expect(eq(u32, pmtu_known(&path->mtu), MTU));
	cr_expect(eq(u64, service(path), NEVER_NS), "and it is done");
	cr_expect(not(came(0, DATAGRAM)));
}

Test(peer_mtu, service_of_the_paths_takes_care_of_it)
{
	ready();
	peer_paths_service(rig.peer, rig.now_ns);
	cr_expect(came(0, DATAGRAM));
	cr_expect(came(1, DATAGRAM));
}

Test(peer_mtu, peer_that_does_not_say_that_it_answers_is_not_asked)
{
	struct path *path = bonded_and_up();

	cr_expect(eq(u64, service(path), NEVER_NS));
	cr_expect(not(came(0, DATAGRAM)));
}

Test(peer_mtu, candidates_and_paths_that_are_not_up_are_not_probed)
{
	struct route learnt = rig_route(&rig, 1);
	struct path *path = ready(), *candidate;

	learnt.remote = rig.remote[0];
	candidate = peer_add_path(rig.peer, &learnt, -1, rig.now_ns);
	candidate->health.state = PATH_UP;
	cr_expect(not(path_has_target(candidate)));
	cr_expect(eq(u64, service(candidate), NEVER_NS));
	health_fail(&path->health, "for the test", rig.now_ns);
	cr_expect(eq(u64, service(path), NEVER_NS));
	cr_expect(not(came(0, DATAGRAM)));
	cr_expect(not(came(1, DATAGRAM)));
}

Test(peer_mtu, data_keeps_to_what_was_found)
{
	struct path *path = ready();

	cr_assert(ne(ptr, (void *)table(), NULL));
	cr_expect(eq(u32, table()->fits_all, 0));
	lose_all(path);
	cr_expect(eq(u32, pmtu_limit(&path->mtu), PMTU_LEAST));
	cr_expect(eq(u32, path_table_packet_max(table(), 0), PMTU_LEAST));
	cr_expect(eq(u32, path_table_packet_max(table(), 1), UINT32_MAX));
	cr_expect(eq(u32, atomic_load(&rig.peer->dp->fits_all), PMTU_LEAST), "so does TCP");
}

Test(peer_mtu, a_refusal_of_the_system_is_heeded_at_once)
{
	struct path *path = ready();

	service(path);
	atomic_store(&rig.peer->dp->path[0].too_long, 1);
	peer_take_signs(rig.peer, rig.now_ns);
	cr_expect(eq(u32, path->mtu.failed, MTU));
	cr_expect(eq(u32, atomic_load(&rig.peer->dp->path[0].too_long), 0), "once");
}

Test(peer_mtu, an_answer_comes_as_a_sign_and_is_none_of_health)
{
	struct keypair *kp;
	struct path *path;
	uint64_t answered_ns;

	path = ready();
	kp = rig.peer->session.current;
	service(path);
	answered_ns = path->health.answered_ns;
	signs_put(&rig.peer->dp->path[0].answers,
	          &(struct life_sign){.key = kp->local_index, .number = SIGN_WHOLE});
	peer_take_signs(rig.peer, rig.now_ns + 1);
	cr_expect(eq(u32, pmtu_known(&path->mtu), MTU));
	cr_expect(eq(u64, path->health.answered_ns, answered_ns));
}

Test(peer_mtu, another_address_is_another_way)
{
	struct route route = rig_route(&rig, 0);
	struct path *path = ready();

	lose_all(path);
	route.remote = rig.remote[1];
	peer_set_route(rig.peer, path, &route, rig.now_ns);
	cr_expect(eq(u32, pmtu_limit(&path->mtu), 0));
	cr_expect(eq(u32, path_table_packet_max(table(), 0), UINT32_MAX));
}

Test(peer_mtu, a_path_that_comes_back_is_looked_at_again)
{
	struct path *path = ready();

	lose_all(path);
	cr_expect(lt(u64, rig.now_ns + PMTU_RAISE_NS / 2, service(path)));
	health_fail(&path->health, "for the test", rig.now_ns);
	service(path);
	path->health.state = PATH_UP;
	came(0, DATAGRAM);
	service(path);
	cr_expect(came(0, DATAGRAM));
}

Test(peer_mtu, so_is_one_that_leaves_by_another_device)
{
	struct path *path = ready();

	lose_all(path);
	came(0, DATAGRAM);
	path->device = 7;
	service(path);
	cr_expect(came(0, DATAGRAM));
}

Test(peer_mtu, with_a_peer_that_answers_no_more_all_is_as_before)
{
	struct path *path = ready();

	lose_all(path);
	peer_heed_mtu(rig.peer, false, rig.now_ns);
	cr_expect(eq(u32, pmtu_limit(&path->mtu), 0));
	cr_expect(eq(u32, path_table_packet_max(table(), 0), UINT32_MAX));
	cr_expect(eq(u64, service(path), NEVER_NS));
}

Test(peer_mtu, a_peer_that_turns_out_to_be_plain_has_no_limits)
{
	struct path *path = ready();

	lose_all(path);
	rig.peer->verdict.is = VERDICT_STOCK;
	peer_hears(rig.peer, NEWS_PLAIN, &(struct news){.now_ns = rig.now_ns});
	cr_expect(eq(u32, pmtu_limit(&path->mtu), 0));
	for (unsigned i = 0; i < table()->len; i++)
		cr_expect(eq(u32, table()->slot[i].packet_max, 0));
}
