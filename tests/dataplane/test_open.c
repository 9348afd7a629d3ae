/* SPDX-License-Identifier: MIT */
/* Which datagrams are opened: those of a session of ours that nobody has touched. */
#include "inbound_rig.h"

TestSuite(open, .init = inbound_setup, .fini = inbound_teardown, .timeout = 60);

/* Each bit but those of the first byte, which would make it a handshake message. The word of the
 * type is looked at first, then the index, then the tag.
 */
Test(open, datagram_with_any_bit_changed_is_dropped)
{
	uint8_t packet[64], datagram[RIG_DATAGRAM];
	size_t len = rig_packet(packet, 4, THERE, HERE, 1, sizeof packet);

	len = rig_seal(datagram, INDEX_HERE, 5, packet, len);
	for (size_t bit = 8; bit < 8 * len; bit++) {
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rig_send(far[0], &here[0], datagram, len);
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit % 128 == 0)
			flush();
	}
	flush();
	cr_expect(eq(u64, drops(DROP_MALFORMED), 3 * 8));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 4 * 8));
	cr_expect(eq(u64, drops(DROP_NOT_AUTHENTIC), 8 * (len - 8)));
	/* None of them moved the window: the genuine one is still new. */
	rig_send(far[0], &here[0], datagram, len);
	cr_expect(eq(sz, rig_read(&ours, datagram), sizeof packet));
	ASSERT_BYTES(datagram, packet, sizeof packet);
	cr_expect(eq(u64, drops(DROP_REPLAY), 0));
	expect_no_notice();
}

Test(open, datagram_cut_at_any_length_is_dropped)
{
	uint8_t packet[64], datagram[RIG_DATAGRAM];
	size_t len = rig_packet(packet, 4, THERE, HERE, 1, sizeof packet);

	len = rig_seal(datagram, INDEX_HERE, 5, packet, len);
	for (size_t cut = 0; cut < len; cut++)
		rig_send(far[0], &here[0], datagram, cut);
	flush();
	cr_expect(eq(u64, drops(DROP_MALFORMED), TRANSPORT_OVERHEAD));
	cr_expect(eq(u64, drops(DROP_NOT_AUTHENTIC), len - TRANSPORT_OVERHEAD));
	cr_expect(eq(u64, drops(DROP_INNER_MALFORMED), 0));
}

Test(open, datagram_for_no_session_or_an_expired_one_is_dropped)
{
	struct keypair *old =
		rig_keypair(&ours, peer, false, 0x33, 0x44, clock_boot_ns() - REJECT_AFTER_TIME);
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	size_t len = rig_flow_packet(packet, THERE, HERE, 1);

	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x33, 0, packet, len));
	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x55, 0, packet, len));
	flush();
	cr_expect(eq(u64, drops(DROP_KEY_EXPIRED), 1));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 1));
	cr_assert(index_remove(engine_index(ours.engine), old));
	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x33, 1, packet, len));
	flush();
	cr_expect(eq(u64, drops(DROP_KEY_EXPIRED), 1));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 2));
	cr_expect(eq(uint, reference_count(&old->references), 1));
	keypair_put(old);
}

Test(open, forged_packet_confirms_nothing_and_is_not_heard)
{
	uint8_t packet[64], datagram[RIG_DATAGRAM];
	size_t len = rig_packet(packet, 4, THERE, HERE, 1, sizeof packet);

	len = rig_seal(datagram, INDEX_HERE, 5, packet, len);
	datagram[len - 1] ^= 1;
	rig_send(far[0], &here[0], datagram, len);
	rig_until(drops(DROP_NOT_AUTHENTIC) == 1);
	engine_stop(ours.engine);
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events, 0));
	cr_expect(not(atomic_load(&kp->is_confirmed)));
	cr_expect(eq(u64, counter_read(&peer->heard_ns), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].rx_packets), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].heard_ns), 0));
}
