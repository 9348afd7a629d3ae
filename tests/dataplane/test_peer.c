/* SPDX-License-Identifier: MIT */
/* The end of a peer: who found it in a table before that may still look at it, but not take it
 * along.
 */
#include "engine_rig.h"

enum {
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

static struct rig_end end;
static struct dp_peer *peer; /* its last reference is gone, its memory not yet */
static struct keypair *kp;

/* This thread is online and does not say "quiescent", so what it retired stays to be looked at. */
static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	kp = rig_keypair(&end, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	dp_peer_put(peer);
}

static void teardown(void)
{
	rig_expect_all_home(&end);
	rig_drop_keypair(&end, kp);
	rig_expect_count("references", reference_count(&peer->references), 0);
	rig_destroy(&end);
	rig_teardown();
}

TestSuite(peer, .init = setup, .fini = teardown, .timeout = 60);

Test(peer, reference_cannot_be_taken_after_the_last_was_put)
{
	struct dp_peer *other = engine_create_peer(end.engine, NULL);

	cr_expect(eq(ptr, dp_peer_get(other), other));
	dp_peer_put(other);
	cr_expect(eq(ptr, dp_peer_get(other), other));
	dp_peer_put(other);
	dp_peer_put(other);
	cr_expect(eq(ptr, dp_peer_get(other), NULL));
	cr_expect(eq(ptr, dp_peer_get(other), NULL));
	dp_peer_put(NULL);
}

Test(peer, data_under_a_keypair_of_a_peer_that_is_gone_is_for_no_session)
{
	struct route route = {.link = engine_link(end.engine, 0)};
	uint8_t datagram[RIG_DATAGRAM], payload[16] = {0};
	size_t len = rig_seal(datagram, INDEX_HERE, 0, payload, sizeof payload);

	engine_receive(end.engine, &route, datagram, len);
	rig_expect_drops(&end, DROP_UNKNOWN_INDEX, 1);
}

Test(peer, nothing_is_sent_to_a_peer_that_is_gone)
{
	for (unsigned lane = 0; lane <= LANE_CONTROL; lane += LANE_CONTROL)
		cr_expect(not(engine_send_late(end.engine, peer, kp, 0, lane, NULL, 0, NULL)));
	rig_expect_drops(&end, DROP_NO_SESSION, 2);
}

Test(peer, control_is_told_nothing_of_a_peer_that_is_gone)
{
	unsigned events;

	mailbox_tell(peer, PEER_EVENT_ACTIVE);
	cr_expect(eq(ptr, engine_take_event(end.engine, &events), NULL));
	engine_kick(peer);
	cr_expect(cds_wfcq_empty(&end.engine->dispatcher[0].kick_head,
	                         &end.engine->dispatcher[0].kick_tail));
}

Test(peer, what_waits_for_a_peer_that_is_gone_is_not_looked_at)
{
	work_set_alarm(&end.engine->control, peer, &peer->overdue, 1);
	cr_expect(not(alarms_have_any(&end.engine->work.worker[0].alarms)));
	rig_expect_drops(&end, DROP_REASON_COUNT, 0);
}
