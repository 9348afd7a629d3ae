/* SPDX-License-Identifier: MIT */
/* Where a plain peer is, and who is greeted; see peer_rig.h. */
#include "peer_case.h"

TestSuite(peer_verdict, .init = case_setup, .fini = case_teardown);

Test(peer_verdict, peer_with_marker_that_stays_silent_is_plain_and_where_it_came_from)
{
	struct route route = rig_route(&rig, 0);

	peer_add_origin(rig.peer, &route, 148, rig.now_ns);
	rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	cr_expect(path_has_target(origin(0)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

static unsigned drops;

static void count_drop_staged(struct effects *fx, struct dp_peer *dp)
{
	(void)fx, (void)dp;
	drops++;
}

/* It waited for a path to a vtrunkd: nobody else gets it. */
Test(peer_verdict, what_waits_is_dropped_when_data_is_refused)
{
	rig.control.effects.fx.drop_staged = count_drop_staged;
	rig.peer->set.requires_bonding = true;
	bonded();
	peer_refuse_data(rig.peer);
	cr_assert(not(atomic_load(&rig.peer->dp->data_refused)));
	rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns);
	drops = 0;
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	cr_expect(atomic_load(&rig.peer->dp->data_refused));
	cr_expect(eq(uint, drops, 1));
	peer_refuse_data(rig.peer);
	cr_expect(eq(uint, drops, 1), "once");
}

Test(peer_verdict, peer_without_marker_is_where_its_handshake_came_from)
{
	rig_session(&rig, false, false, 1);
	cr_assert(ne(ptr, origin(1), NULL));
	cr_expect(path_has_target(origin(1)));
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

Test(peer_verdict, plain_peer_is_where_its_handshake_came_from_and_not_where_copies_did)
{
	repeat_from_elsewhere();
	rig_session(&rig, false, true, 0);
	rig.peer->session.made_ns = rig.peer->answered.accepted_ns;
	peer_service(rig.peer, rig.now_ns + 3 * NS_PER_S);
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK));
	cr_expect(eq(uint, rig.peer->paths.followed, path_id(&rig.peer->paths, origin(0))));
}

Test(peer_verdict, origin_of_a_late_copy_is_greeted_at_once)
{
	struct route first = rig_route(&rig, 0), second = rig_route(&rig, 1);

	peer_add_origin(rig.peer, &first, 148, rig.now_ns);
	rig_session(&rig, false, true, 0);
	peer_service(rig.peer, rig.now_ns);
	cr_assert(path_is_asked(origin(0)));
	peer_add_origin(rig.peer, &second, 148, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + NS_PER_MS);
	cr_expect(path_is_asked(origin(1)));
}
