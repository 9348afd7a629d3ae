/* SPDX-License-Identifier: MIT */
/* Which datagrams are opened: those of a session of ours that nobody has touched. */
#include "dataplane/open.h"
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

/* ---- by hand, without threads ---- */

static struct dp_thread *self;

/* Payloads of 64 bytes that are their number, under counters 10 on; those in the mask @forged were
 * changed.
 */
static struct batch *make_batch(unsigned count, uint32_t forged)
{
	struct batch *b = batch_get(&self->pool);

	cr_assert(ne(ptr, b, NULL));
	for (unsigned i = 0; i < count; i++) {
		struct segment *seg = batch_append(b, 128);
		uint8_t *datagram = segment_header(b, seg), payload[64];

		memset(payload, (int)i, sizeof payload);
		seg->len =
			(uint16_t)rig_seal(datagram, INDEX_HERE, 10 + i, payload, sizeof payload);
		datagram[seg->len - 1] ^= forged >> i & 1;
	}
	return b;
}

static void work_by_hand(void)
{
	engine_stop(ours.engine);
	self = &engine_link(ours.engine, 0)->rx; /* its batches take trains */
	self->now_ns = clock_boot_ns();
}

Test(open, forged_ones_are_taken_out_and_the_others_keep_order_and_counter)
{
	static const uint32_t masks[] = {0, 1, 1 << 7, 0xa5, 0xff};
	uint64_t forged = 0;

	work_by_hand();
	for (unsigned k = 0; k < sizeof masks / sizeof *masks; k++) {
		struct route route = {.link = engine_link(ours.engine, 0)};
		struct batch *b = make_batch(8, masks[k]);
		unsigned kept = 0;

		cr_assert(open_assign(self, b, INDEX_HERE, &route));
		open_batch(self, b);
		for (unsigned i = 0; i < 8; i++) {
			const struct segment *seg = &b->segment[kept];
			const struct message_transport *header = (void *)segment_header(b, seg);
			uint8_t want[64];

			if (masks[k] >> i & 1)
				continue;
			memset(want, (int)i, sizeof want);
			cr_assert(lt(uint, kept, b->len));
			cr_expect(eq(uint, seg->len, sizeof want));
			cr_expect(eq(u64, load_le64(header->counter), 10 + i));
			ASSERT_BYTES(segment_payload(b, seg), want, sizeof want);
			kept++;
		}
		cr_expect(eq(uint, b->len, kept));
		forged += 8 - kept;
		batch_free(b);
	}
	expect_only(DROP_NOT_AUTHENTIC, forged);
}

Test(open, batch_gets_the_session_it_names_with_a_reference_to_each)
{
	struct route route = {.link = engine_link(ours.engine, 1), .remote = far_at[1]};
	unsigned of_peer, of_keypair;
	struct batch *b;

	work_by_hand();
	of_peer = reference_count(&peer->references);
	of_keypair = reference_count(&kp->references);
	b = make_batch(1, 0);
	cr_assert(open_assign(self, b, INDEX_HERE, &route));
	cr_expect(eq(int, b->kind, BATCH_OPEN));
	cr_expect(eq(ptr, b->peer, peer));
	cr_expect(eq(ptr, b->keypair, kp));
	cr_expect(route_is_same_way(&b->route, &route));
	cr_expect(eq(u64, b->time_ns, self->now_ns));
	cr_expect(eq(uint, reference_count(&peer->references), of_peer + 1));
	cr_expect(eq(uint, reference_count(&kp->references), of_keypair + 1));
	batch_free(b);

	b = make_batch(1, 0);
	cr_expect(not(open_assign(self, b, INDEX_HERE + 1, &route)));
	self->now_ns += REJECT_AFTER_TIME;
	cr_expect(not(open_assign(self, b, INDEX_HERE, &route)));
	batch_free(b);
	cr_expect(eq(uint, reference_count(&peer->references), of_peer));
	cr_expect(eq(uint, reference_count(&kp->references), of_keypair));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 1));
	cr_expect(eq(u64, drops(DROP_KEY_EXPIRED), 1));
}
