/* SPDX-License-Identifier: MIT */
/* What is done about timers that are due; see peer_rig.h. */
#include "dataplane/engine_private.h"
#include "dataplane/statistics.h"
#include "peer_case.h"

TestSuite(peer_timers, .init = case_setup, .fini = case_teardown);

/* As if a dispatcher had read one for the peer, which has no session. */
static void have_packet_wait(struct dp_peer *dp)
{
	static const uint8_t packet[28] = {0x45};
	struct dispatcher *d = &dp->engine->dispatcher[0];
	struct virtio_net_hdr header = {0};
	struct read_buffer *read;

	cr_assert(read_pool_has_room(&d->reads));
	read = read_pool_next(&d->reads);
	memcpy(read->data, packet, sizeof packet);
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, sizeof packet), 1));
	cr_assert(outflow_put(dp->outflow, read_pool_keep(&d->reads, read, sizeof packet)));
	d->self.now_ns = clock_boot_ns();
	cr_assert(eq(int, outflow_run(&d->self, dp->outflow, false), OUTFLOW_DONE));
}

Test(peer_timers, what_waited_for_a_failed_attempt_is_dropped)
{
	struct dp_peer *dp = rig.peer->dp;
	uint64_t at_ns = rig.now_ns;

	rig_path(&rig, 0);
	have_packet_wait(dp);
	cr_assert(peer_initiate(rig.peer, false, at_ns));
	while (rig.peer->handshake.attempts < MAX_TIMER_HANDSHAKES) {
		at_ns += REKEY_TIMEOUT + TIMER_JITTER_NS;
		peer_timers_service(rig.peer, at_ns);
		cr_expect(eq(u64, engine_staged(dp), 1));
	}
	peer_timers_service(rig.peer, at_ns + REKEY_TIMEOUT + TIMER_JITTER_NS);
	cr_expect(eq(u64, engine_staged(dp), 0));
	cr_expect(eq(u64, engine_drops(dp->engine, DROP_STAGED_EXPIRED), 1));
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)));
}

Test(peer_timers, keepalive_asks_for_a_new_key_as_data_does)
{
	struct keypair *kp;

	rig_path(&rig, 0);
	kp = rig_session(&rig, true, false, 0);
	rig.peer->set.persistent_keepalive_ns = 25 * NS_PER_S;
	peer_timers_service(rig.peer, kp->rekey_ns - 1);
	cr_expect(not(rig.peer->handshake.is_pending));
	rig.peer->handshake.sent_ns = 0;
	peer_timers_service(rig.peer, kp->rekey_ns + 25 * NS_PER_S);
	cr_expect(rig.peer->handshake.is_pending);
}

/* Whether the data plane has told of data. */
static bool is_told_of_data(void)
{
	struct dp_peer *told;
	unsigned events, all = 0;

	while ((told = engine_take_event(rig.control.engine, &events))) {
		all |= events;
		dp_peer_put(told);
	}
	return (all & PEER_EVENT_ACTIVE) != 0;
}

Test(peer_timers, data_after_a_passive_keepalive_is_watched)
{
	rig_path(&rig, 0);
	rig_session(&rig, true, false, 0);
	peer_service(rig.peer, rig.now_ns);
	is_told_of_data();
	dp_peer_heard(rig.peer->dp, true, rig.now_ns);
	cr_assert(is_told_of_data());
	peer_service(rig.peer, rig.now_ns);
	rig.now_ns += KEEPALIVE_TIMEOUT;
	peer_service(rig.peer, rig.now_ns); /* sends a keepalive, which ends what was looked at */
	cr_assert(eq(u64, counter_read(&rig.peer->dp->data_rx_since_ns), 0));
	dp_peer_sent(rig.peer->dp, true, rig.now_ns + NS_PER_S);
	cr_expect(is_told_of_data(), "or silence is never noticed");
}
