/* SPDX-License-Identifier: MIT */
/* Candidates, and the proof of their addresses; see peer_rig.h. */
#include "peer_case.h"

TestSuite(peer_paths, .init = case_setup, .fini = case_teardown);

Test(peer_paths, origin_of_a_vtrunkd_is_a_candidate_until_it_proved_itself)
{
	struct route route = rig_route(&rig, 0);
	struct frame_path_challenge body = {0};
	struct keypair *kp;

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	kp = rig_session(&rig, false, true, 0);
	cr_expect(not(path_has_target(origin(0))));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 0));
	peer_service(rig.peer, rig.now_ns); /* greets */
	cr_assert(path_is_asked(origin(0)));
	body.path_id = (uint8_t)path_id(&rig.peer->paths, origin(0));
	rig_frame(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	cr_expect(not(path_has_target(origin(0))), "a wrong token");
	memcpy(body.token, origin(0)->challenge, sizeof body.token);
	rig_frame(&rig, kp, 1, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	cr_expect(not(path_has_target(origin(0))), "from elsewhere");
	rig_frame(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(path_has_target(origin(0)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

Test(peer_paths, candidate_is_told_at_most_three_times_what_came_from_it)
{
	struct route route = rig_route(&rig, 0);
	struct path *path = peer_add_origin(rig.peer, &route, 148, rig.now_ns);

	cr_expect(path_may_tell(path, 92));
	cr_expect(path_may_tell(path, 3 * 148 - 92));
	cr_expect(not(path_may_tell(path, 1)));
	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	cr_expect(path_may_tell(path, 3 * 148));
	cr_expect(not(path_may_tell(path, 1)));
}

Test(peer_paths, copies_from_forged_addresses_do_not_push_out_the_origin)
{
	struct route later = rig_route(&rig, 1);

	repeat_from_elsewhere();
	cr_expect(ne(ptr, origin(0), NULL));
	rig.now_ns += NS_PER_S;
	rig.peer->answered.copies = 0;
	rig.peer->answered.accepted_ns = rig.now_ns;
	cr_expect(ne(ptr, peer_add_origin(rig.peer, &later, 148, rig.now_ns), NULL),
	          "they give way to a newer handshake");
}

Test(peer_paths, copies_do_not_push_out_a_path_that_has_yet_to_answer)
{
	struct route route = rig_route(&rig, 1);
	struct path *learnt = peer_add_path(rig.peer, &route, -1, rig.now_ns);

	peer_set_route(rig.peer, learnt, &route, rig.now_ns);
	repeat_from_elsewhere();
	cr_expect(eq(ptr, origin(1), learnt));
	cr_expect(path_has_target(learnt));
}

Test(peer_paths, what_leads_somewhere_is_no_candidate_any_more)
{
	struct route route = rig_route(&rig, 0);
	struct path *path = peer_add_origin(rig.peer, &route, 148, rig.now_ns);

	cr_assert(path_is_origin(path));
	rig_path(&rig, 0); /* a name that is resolved, say */
	cr_expect(not(path_is_origin(path)), "it would be greeted at every turn");
}

Test(peer_paths, proof_of_a_second_origin_does_not_move_what_the_session_uses)
{
	struct frame_path_challenge body = {0};
	struct route route[RIG_LINKS];
	struct keypair *kp;

	for (unsigned i = 0; i < RIG_LINKS; i++) {
		route[i] = rig_route(&rig, i);
		peer_add_origin(rig.peer, &route[i], 148, rig.now_ns);
	}
	kp = rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns);
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		body.path_id = (uint8_t)path_id(&rig.peer->paths, origin(i));
		memcpy(body.token, origin(i)->challenge, sizeof body.token);
		rig_frame(&rig, kp, i, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
		atomic_store(&rig.peer->dp->path[body.path_id].heard_ns, rig.now_ns);
		cr_assert(path_has_target(origin(i)));
	}
	cr_expect(eq(uint, rig.peer->paths.followed, path_id(&rig.peer->paths, origin(0))));
}
