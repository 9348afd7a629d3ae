/* SPDX-License-Identifier: MIT */
/* What a peer's timers go by: since when something is unanswered, and when control hears of it. */
#include "dataplane/activity.h"
#include "engine_rig.h"

static struct rig_end end;
static struct dp_peer *peer;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 0, NULL);
	peer = engine_create_peer(end.engine, NULL);
}

static void teardown(void)
{
	rig_finish(&end, peer, NULL, NULL, 0);
}

TestSuite(activity, .init = setup, .fini = teardown, .timeout = 60);

static void expect_since(uint64_t sent_ns, uint64_t heard_ns)
{
	cr_expect(eq(u64, counter_read(&peer->data_tx_since_ns), sent_ns));
	cr_expect(eq(u64, counter_read(&peer->data_rx_since_ns), heard_ns));
}

/* The first of several counts, and whatever comes the other way ends it. */
Test(activity, data_is_unanswered_since_the_first_of_it)
{
	dp_peer_sent(peer, true, 10);
	dp_peer_sent(peer, true, 20);
	expect_since(10, 0);
	dp_peer_heard(peer, false, 30);
	expect_since(0, 0);
	dp_peer_heard(peer, true, 40);
	dp_peer_heard(peer, true, 50);
	expect_since(0, 40);
	dp_peer_sent(peer, false, 60);
	expect_since(0, 0);
}

Test(activity, keepalive_is_heard_but_begins_nothing)
{
	dp_peer_sent(peer, true, 10);
	dp_peer_heard(peer, true, 20);
	dp_peer_sent(peer, false, 30);
	dp_peer_heard(peer, false, 40);
	expect_since(0, 0);
	cr_expect(eq(u64, counter_read(&peer->sent_ns), 30));
	cr_expect(eq(u64, counter_read(&peer->heard_ns), 40));
	cr_expect(eq(u64, counter_read(&peer->data_ns), 20));
	cr_expect(eq(u64, counter_read(&peer->data_heard_ns), 20));
}

/* Told once, it looks anyway until it says that it does not. */
Test(activity, control_is_told_unless_it_looks_anyway)
{
	dp_peer_sent(peer, true, 10);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, PEER_EVENT_ACTIVE));
	end.events = 0;
	dp_peer_heard(peer, true, 20);
	dp_peer_sent(peer, true, 30);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0));
	atomic_store(&peer->timers_armed, false);
	dp_peer_heard(peer, true, 40);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, PEER_EVENT_ACTIVE));
}

/* Until control has seen to it; then the next packet may ask again. */
Test(activity, session_is_asked_for_once)
{
	dp_peer_want_session(peer);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, PEER_EVENT_WANT_SESSION));
	end.events = 0;
	dp_peer_want_session(peer);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0));
	atomic_store(&peer->session_wanted, false);
	dp_peer_want_session(peer);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, PEER_EVENT_WANT_SESSION));
}
