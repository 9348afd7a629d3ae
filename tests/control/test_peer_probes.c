/* SPDX-License-Identifier: MIT */
/* Candidates that are probed, paths and candidates that are forgotten; see peer_rig.h. */
#include "peer_case.h"

TestSuite(peer_probes, .init = case_setup, .fini = case_teardown);

Test(peer_probes, candidate_that_proves_nothing_is_forgotten)
{
	struct route route = rig_route(&rig, 0);

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + 10 * NS_PER_S - 1);
	cr_expect(ne(ptr, origin(0), NULL));
	peer_service(rig.peer, rig.now_ns + 10 * NS_PER_S);
	cr_expect(eq(ptr, origin(0), NULL));
}

Test(peer_probes, candidate_is_probed_within_what_came_from_it)
{
	struct route route = rig_route(&rig, 0);
	struct keypair *kp;

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns); /* greets */
	greet(kp, boot_id);
	for (unsigned i = 0; i < 8; i++)
		peer_service(rig.peer, rig.now_ns + i * NS_PER_S);
	cr_assert(ne(ptr, origin(0), NULL));
	cr_expect(not(path_has_target(origin(0))));
	cr_expect(ge(uint, origin(0)->health.next_seq, 2), "two probes at least");
	cr_expect(le(uint, origin(0)->told_bytes, 3 * 148));
}

Test(peer_probes, dead_path_learnt_from_the_peer_is_forgotten_and_a_configured_one_kept)
{
	struct route learnt = rig_route(&rig, 1);
	struct path *path;

	bonded();
	learnt.remote = rig.remote[0]; /* another address of the peer over link 1 */
	path = peer_add_path(rig.peer, &learnt, -1, rig.now_ns);
	peer_set_route(rig.peer, path, &learnt, rig.now_ns);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&rig.peer->paths.slot[i]))
			health_fail(&rig.peer->paths.slot[i].health, "for the test", rig.now_ns);
	}
	rig.peer->handshake.sent_ns = rig.now_ns;
	peer_paths_service(rig.peer, rig.now_ns + 30 * NS_PER_S - 1);
	cr_expect(path_is_used(path));
	peer_paths_service(rig.peer, rig.now_ns + 30 * NS_PER_S);
	cr_expect(not(path_is_used(path)));
	cr_expect(eq(ptr, rcu_dereference(rig.peer->dp->path[path - rig.peer->paths.slot].target),
	             NULL));
	cr_expect(ne(ptr, origin(0), NULL));
	cr_expect(ne(ptr, origin(1), NULL));
}
