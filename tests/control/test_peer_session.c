/* SPDX-License-Identifier: MIT */
/* What belongs to which session; see peer_rig.h. */
#include "peer_case.h"

TestSuite(peer_session, .init = case_setup, .fini = case_teardown);

Test(peer_session, greeting_under_the_session_that_crossed_counts)
{
	struct noise_handshake hs = {.remote_index = 5};
	struct route route = rig_route(&rig, 0);
	struct keypair *theirs;

	rig_path(&rig, 0);
	rig.peer->verdict.saw_marker = true;
	cr_assert(eq(int,
	             index_reserve(engine_index(rig.control.engine), rig.peer, &hs.local_index),
	             0));
	cr_assert(eq(int, peer_begin_session(rig.peer, &hs, false, &route, rig.now_ns), 0));
	theirs = rig.peer->session.next;
	rig_session(&rig, true, true, 0);
	cr_assert(eq(ptr, rig.peer->session.previous, theirs));
	greet(theirs, boot_id);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_BONDED));
	cr_expect(keypair_is_fresh(theirs, rig.now_ns + REJECT_AFTER_TIME));
}

Test(peer_session, keypair_that_gave_way_stops_to_prove_anything_after_a_while)
{
	struct keypair *before = bonded();

	cr_expect(keypair_is_fresh(before, rig.now_ns + REJECT_AFTER_TIME));
	rig_session(&rig, false, true, 0);
	cr_expect(not(keypair_is_fresh(before, rig.now_ns + KEYPAIR_OVERLAP_NS)));
}
