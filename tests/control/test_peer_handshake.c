/* SPDX-License-Identifier: MIT */
/* Initiations: where they go, and what those mean that come in; see peer_rig.h. */
#include "dataplane/statistics.h"
#include "peer_case.h"

TestSuite(peer_handshake, .init = case_setup, .fini = case_teardown);

Test(peer_handshake, path_that_opens_later_gets_the_pending_initiation)
{
	struct message_initiation first, second;

	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	first = sent_initiation(0);
	rig_path(&rig, 1);
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	second = sent_initiation(1);
	cr_expect(eq(int, memcmp(&first, &second, offsetof(struct message_initiation, macs)), 0));
	peer_service(rig.peer, rig.now_ns + 2 * INITIATION_COPY_NS);
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0)), "once per path");
}

Test(peer_handshake, copies_of_an_initiation_leave_apart)
{
	for (unsigned i = 0; i < 2; i++)
		rig_path(&rig, i);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(not(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0)));
	for (unsigned i = 0; i * NS_PER_MS < INITIATION_COPY_NS; i++) {
		peer_service(rig.peer, rig.now_ns + i * NS_PER_MS);
		cr_expect(not(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0)));
		cr_expect(eq(u64, rig.peer->deadline.at_ns, rig.now_ns + INITIATION_COPY_NS));
	}
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer_handshake, copies_to_a_bonded_peer_leave_together)
{
	bonded();
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer_handshake, retry_begins_with_another_path)
{
	rig_path(&rig, 0);
	rig_path(&rig, 1);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(peer_initiate(rig.peer, i, rig.now_ns + i * 10 * NS_PER_S));
		cr_expect(eq(uint, rig.peer->handshake.first_path, i % 2 + 1), "attempt %u", i);
	}
}

Test(peer_handshake, failed_attempt_leaves_no_deadline_in_the_past)
{
	rig.peer->handshake.retry_ns = rig.now_ns;
	rig.peer->remote->is_usable = false;
	cr_expect(not(peer_initiate(rig.peer, false, rig.now_ns)));
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS));

	/* No way out: a path whose link is away. */
	rig.peer->remote->is_usable = true;
	rig_path(&rig, 0);
	rig_pair(&rig, 0)->state = UPLINK_WAITING;
	rig.peer->handshake.retry_ns = rig.now_ns;
	cr_expect(not(peer_initiate(rig.peer, false, rig.now_ns)));
	cr_expect(lt(u64, rig.now_ns, rig.peer->handshake.retry_ns));
}

/* An initiation of the peer's, of time @s, comes over link @link. */
static void take_initiation_of(uint64_t s, unsigned link)
{
	struct message_initiation msg;
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct noise_handshake hs;
	struct cookie_keys keys;
	struct cookie_jar jar = {0};
	struct route route = rig_route(&rig, link);

	cookie_keys_init(&keys, rig.control.identity->public_key);
	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, s, 0, 0);
	cr_assert(eq(int,
	             noise_create_initiation(&hs, &rig.other, &rig.us, ephemeral, timestamp,
	                                     4711 + (uint32_t)s, &msg),
	             0));
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, rig.now_ns);
	rig_take(&rig, &route, &msg, sizeof msg, rig.now_ns);
}

Test(peer_handshake, peer_that_does_not_hear_our_responses_is_tried_over_every_link)
{
	rig_path(&rig, 0);
	rig_path(&rig, 1);
	rig_session(&rig, false, false, 0);
	take_initiation_of(1800000000, 0);
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS), "once may be a lost packet");
	rig.now_ns += REKEY_TIMEOUT + NS_PER_MS;
	take_initiation_of(1800000005, 0);
	cr_assert(eq(u64, rig.peer->handshake.retry_ns, rig.now_ns + REKEY_TIMEOUT));
	rig.now_ns = rig.peer->handshake.retry_ns;
	peer_service(rig.peer, rig.now_ns);
	peer_service(rig.peer, rig.now_ns + INITIATION_COPY_NS);
	cr_expect(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0));
	cr_expect(rig_sent(&rig, 1, MESSAGE_INITIATION, NULL, 0));
}

Test(peer_handshake, peer_that_uses_the_session_it_began_is_left_alone)
{
	rig_path(&rig, 0);
	for (unsigned i = 0; i < 3; i++) {
		take_initiation_of(1800000000 + i, 0);
		cr_assert(ne(ptr, rig.peer->session.next, NULL));
		atomic_store(&rig.peer->session.next->is_confirmed, true);
		peer_service(rig.peer, rig.now_ns);
		cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS), "session %u", i);
		rig.now_ns += NS_PER_S;
	}
}

Test(peer_handshake, copies_get_the_same_response_over_their_own_links)
{
	struct message_initiation msg;
	struct message_response first, second;
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct noise_handshake hs;
	struct cookie_keys keys;
	struct cookie_jar jar = {0};
	struct route route;

	cookie_keys_init(&keys, rig.control.identity->public_key);
	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, 1800000000, 0, BONDING_MARKER);
	cr_assert(eq(
		int,
		noise_create_initiation(&hs, &rig.other, &rig.us, ephemeral, timestamp, 4711, &msg),
		0));
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, rig.now_ns);
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		route = rig_route(&rig, i);
		rig_take(&rig, &route, &msg, sizeof msg, rig.now_ns + i * NS_PER_MS);
	}
	cr_assert(rig_sent(&rig, 0, MESSAGE_RESPONSE, &first, sizeof first));
	cr_assert(rig_sent(&rig, 1, MESSAGE_RESPONSE, &second, sizeof second));
	cr_expect(eq(int, memcmp(&first, &second, offsetof(struct message_response, macs)), 0));
	cr_expect(eq(u64, rig.peer->session.count, 1));
	cr_expect(eq(u64, engine_drops(rig.control.engine, DROP_REPLAY), 0));
}
