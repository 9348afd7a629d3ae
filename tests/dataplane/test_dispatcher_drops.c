/* SPDX-License-Identifier: MIT */
/* What a dispatcher reads and drops. */
#include "outbound_rig.h"

TestSuite(dispatcher_drops, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

Test(dispatcher_drops, what_is_no_whole_ip_packet_is_dropped)
{
	uint8_t good[100], bad[100];
	unsigned count = 0;

	begin_session(true, 0);
	rig_start(&ours);
	for (size_t len = 1; len < 100; len++, count++) { /* total length above what is there */
		rig_packet(good, len % 2 ? 4 : 6, HERE, THERE, 1, 100);
		cr_assert(rig_write(&ours, good, len));
	}
	rig_packet(good, 4, HERE, THERE, 1, 100);
	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		memcpy(bad, good, sizeof bad);
		bad[0] = (uint8_t)(version << 4 | 5);
		cr_assert(rig_write(&ours, bad, sizeof bad));
		count++;
	}
	flush();
	expect_only(DROP_INNER_MALFORMED, count);
}

Test(dispatcher_drops, destination_of_no_peer_is_dropped)
{
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	rig_start(&ours);
	cr_assert(rig_write(&ours, packet, rig_packet(packet, 4, HERE, 99, 0, 100)));
	cr_assert(rig_write(&ours, packet, rig_packet(packet, 6, HERE, 99, 0, 100)));
	flush();
	expect_only(DROP_NO_PEER, 2);
	engine_publish_allowedips(ours.engine, NULL); /* nobody has any */
	write_seq(0);
	rig_until(drops(DROP_NO_PEER) == 3);
	expect_only(DROP_NO_PEER, 3);
}

Test(dispatcher_drops, what_stays_on_a_link_is_told_from_other_packets_for_nobody)
{
	static const uint8_t all_reports[16] = {0xff, 0x02, [15] = 0x16};
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	rig_start(&ours);
	rig_packet(packet, 6, HERE, THERE, 0, 100);
	memcpy(packet + 24, all_reports, sizeof all_reports);
	cr_assert(rig_write(&ours, packet, 100));
	flush();
	expect_only(DROP_LINK_SCOPE, 1);
}

/* Its route leads into the device; what another host sends from the same port to elsewhere is data.
 */
Test(dispatcher_drops, our_own_datagram_does_not_go_round)
{
	uint16_t port = endpoint_port(&engine_link(ours.engine, 0)->bound);
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&ours);
	rig_packet(packet, 4, HERE, THERE, 0, 100);
	packet[9] = IPPROTO_UDP;
	store_be16(packet + 20, port);
	store_be16(packet + 22, endpoint_port(&far_at[0]));
	cr_assert(rig_write(&ours, packet, 100));
	cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), 112));
	expect_only(DROP_ROUTING_LOOP, 0);
	memcpy(packet + 16, &far_at[0].in4.sin_addr, 4);
	cr_assert(rig_write(&ours, packet, 100));
	rig_until(drops(DROP_ROUTING_LOOP) == 1);
	expect_only(DROP_ROUTING_LOOP, 1);
}

/* The MTU of the device may be raised while we run: slots do not grow with it. */
Test(dispatcher_drops, packet_longer_than_a_slot_is_dropped_and_harms_no_other)
{
	uint32_t longest = ours.engine->slot_bytes - TRANSPORT_OVERHEAD - PADDING_MULTIPLE;
	static uint8_t packet[65535];
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	for (uint32_t i = 0; i < 40; i++) { /* in one round: neighbours in one batch */
		rig_packet(packet, 4, HERE, THERE, 2 * i, longest);
		cr_assert(rig_write(&ours, packet, longest));
		rig_packet(packet, 4, HERE, THERE, 2 * i + 1, longest + 1 + 150 * i);
		cr_assert(rig_write(&ours, packet, longest + 1 + 150 * i));
	}
	rig_packet(packet, 6, HERE, THERE, 0, sizeof packet);
	cr_assert(rig_write(&ours, packet, sizeof packet));
	rig_start(&ours);
	for (uint32_t i = 0; i < 40; i++) {
		cr_assert(le(sz, longest, rig_unseal(far[0], INDEX_THERE, &counter, payload)));
		cr_expect(eq(u64, counter, i));
		rig_packet(packet, 4, HERE, THERE, 2 * i, longest);
		ASSERT_BYTES(payload, packet, longest);
	}
	rig_until(drops(DROP_TOO_BIG) == 41);
	expect_only(DROP_TOO_BIG, 41);
}

Test(dispatcher_drops, plain_peer_gets_no_data_where_bonding_is_required)
{
	begin_session(true, 0);
	atomic_store(&peer->data_refused, true);
	rig_start(&ours);
	write_seq(0);
	rig_until(drops(DROP_BONDING_REQUIRED) == 1);
	atomic_store(&peer->data_refused, false);
	flush();
	expect_only(DROP_BONDING_REQUIRED, 1);
}
