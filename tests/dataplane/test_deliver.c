/* SPDX-License-Identifier: MIT */
/* From authentic datagrams to the device: what is old or not allowed is dropped, what control and
 * the timers are told, and in which order packets come out.
 */
#include "inbound_rig.h"

enum {
	OLD = 20000, /* a counter far ahead of those tested */
};

TestSuite(deliver, .init = inbound_setup, .fini = inbound_teardown, .timeout = 60);

/* A train may take as much, so nothing that UDP carries is too long. */
Test(deliver, datagram_of_any_length_is_received_whole)
{
	uint32_t slot = ours.engine->slot_bytes;
	const uint32_t lens[] = {slot, slot + 1, 4096, 4097, 9000, UDP_PAYLOAD_MAX};
	static uint8_t packet[65536], datagram[65536], got[65536];

	for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
		size_t len = lens[i] - TRANSPORT_OVERHEAD;
		ssize_t n;

		rig_packet(packet, 4, THERE, HERE, i, len);
		rig_send(far[0], &here[0], datagram,
		         rig_seal(datagram, INDEX_HERE, i, packet, len));
		cr_assert(rig_is_readable(ours.tun, RIG_WAIT_MS), "%u bytes", lens[i]);
		n = read(ours.tun, got, sizeof got);
		cr_assert(eq(int, (int)n, (int)len));
		ASSERT_BYTES(got, packet, len);
	}
	flush();
	expect_only(DROP_REASON_COUNT, 0);
}

Test(deliver, replayed_datagram_is_delivered_once)
{
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	size_t len = rig_flow_packet(packet, THERE, HERE, 1);

	len = rig_seal(datagram, INDEX_HERE, 9, packet, len);
	for (unsigned i = 0; i < 5; i++)
		rig_send(far[0], &here[0], datagram, len);
	expect_seq(1);
	rig_send(far[1], &here[1], datagram, len); /* from elsewhere as well */
	rig_until(drops(DROP_REPLAY) == 5);
	flush();
	expect_only(DROP_REPLAY, 5);
}

/* Spoiled, it is still known by its number alone: it was not opened. */
Test(deliver, where_copies_come_the_next_are_refused_unopened)
{
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	size_t len;

	for (unsigned i = 1; i <= 2; i++) {
		len = rig_seal(datagram, INDEX_HERE, i, packet,
		               rig_flow_packet(packet, THERE, HERE, i));
		rig_send(far[0], &here[0], datagram, len);
		expect_seq(i);
		datagram[len - 1] ^= i == 2;
		rig_send(far[1], &here[1], datagram, len);
		rig_until(drops(DROP_REPLAY) == i);
	}
	len = rig_seal(datagram, INDEX_HERE, 3, packet, rig_flow_packet(packet, THERE, HERE, 3));
	datagram[len - 1] ^= 1;
	rig_send(far[1], &here[1], datagram, len);
	rig_until(drops(DROP_NOT_AUTHENTIC) == 1); /* one that is new is opened */
	cr_expect(eq(u64, drops(DROP_REPLAY), 2));
}

/* Lateness as the window has it where lanes are accepted, whether bonding is agreed or not: to the
 * word of the newest, 2^17 bits.
 */
Test(deliver, datagram_too_late_for_the_window_is_dropped)
{
	send_seq(0, OLD, 1);
	expect_seq(1);
	send_seq(0, OLD - REPLAY_LATENESS(REPLAY_BITS_STOCK), 2);
	expect_seq(2);
	send_seq(0, OLD - REPLAY_BITS_STOCK, 3);
	expect_seq(3);
	send_seq(0, OLD + REPLAY_BITS_BONDED, 4);
	expect_seq(4);
	send_seq(0, OLD + REPLAY_BITS_STOCK, 5);
	expect_seq(5);
	send_seq(0, 3, 6);
	flush();
	expect_only(DROP_REPLAY, 1);
}

Test(deliver, lanes_nobody_agreed_on_are_refused)
{
	unsigned refused = 0;

	for (uint64_t lane = LANE_REPAIR; lane < 256; lane++) {
		if (lane >= LANE_CONTROL && lane < LANE_COUNT)
			continue;
		send_seq(0, lane << LANE_SHIFT, 1);
		refused++;
		if (lane % 64 == 0)
			flush();
	}
	send_seq(0, REJECT_AFTER_MESSAGES, 1);
	flush();
	expect_only(DROP_REPLAY, refused + 1);
}

Test(deliver, plain_peer_may_use_no_lane_but_the_first)
{
	kp->accepts_lanes = false;
	send_seq(0, (uint64_t)LANE_UNORDERED << LANE_SHIFT, 1);
	send_seq(0, (uint64_t)LANE_CONTROL << LANE_SHIFT, 2);
	send_seq(0, 0, 3);
	expect_seq(3);
	expect_only(DROP_REPLAY, 2);
}

/* ---- inner packets ---- */

Test(deliver, padding_is_cut_off_by_the_length_of_the_packet)
{
	uint8_t payload[RIG_MTU] = {0}, got[RIG_DATAGRAM];

	for (unsigned i = 0; i < 40; i++) {
		size_t len = rig_packet(payload, i % 2 ? 4 : 6, THERE, HERE, i, 50 + i / 2);

		send_payload(0, i, payload, len + i % 17);
		cr_expect(eq(sz, rig_read(&ours, got), len));
		ASSERT_BYTES(got, payload, len);
	}
	expect_only(DROP_REASON_COUNT, 0);
}

Test(deliver, payload_that_is_no_whole_ip_packet_is_dropped)
{
	uint8_t payload[100];
	uint64_t counter = 0;

	for (unsigned len = 1; len < 100; len++) { /* total length above what is there */
		rig_packet(payload, len % 2 ? 4 : 6, THERE, HERE, 1, 100);
		send_payload(0, counter++, payload, len);
		if (len % 32 == 0)
			flush();
	}
	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		rig_packet(payload, 4, THERE, HERE, 1, 100);
		payload[0] = (uint8_t)(version << 4 | 5);
		send_payload(0, counter++, payload, 100);
	}
	rig_packet(payload, 4, THERE, HERE, 1, 100);
	store_be16(payload + 2, 19); /* less than its own header */
	send_payload(0, counter++, payload, 100);
	flush();
	expect_only(DROP_INNER_MALFORMED, counter);
}

Test(deliver, source_must_belong_to_the_peer)
{
	struct dp_peer *both[2] = {peer, engine_create_peer(ours.engine, NULL)};
	uint8_t packet[100];
	uint64_t counter = 0;

	rig_publish_allowedips(&ours, both, THERE, 2);
	for (unsigned version = 4; version <= 6; version += 2) {
		send_payload(0, counter++, packet,
		             rig_packet(packet, version, THERE + 1, HERE, 1, 100)); /* another's */
		send_payload(0, counter++, packet,
		             rig_packet(packet, version, 99, HERE, 1, 100)); /* nobody's */
		send_payload(0, counter++, packet,
		             rig_packet(packet, version, HERE, THERE, 1, 100)); /* destination */
	}
	flush();
	expect_only(DROP_ALLOWED_IPS, 6);
	engine_publish_allowedips(ours.engine, NULL); /* nobody has any */
	send_seq(0, counter, 1);
	rig_until(drops(DROP_ALLOWED_IPS) == 7);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
	flush();
	rig_put_peer(both[1]);
}

Test(deliver, plain_peer_delivers_nothing_where_bonding_is_required)
{
	atomic_store(&peer->data_refused, true);
	send_seq(0, 0, 1);
	rig_until(drops(DROP_BONDING_REQUIRED) == 1);
	atomic_store(&peer->data_refused, false);
	flush();
	expect_only(DROP_BONDING_REQUIRED, 1);
}

Test(deliver, packets_the_device_refuses_are_counted)
{
	int bytes = 4096; /* of send buffer: some packets */
	uint8_t packet[RIG_DATAGRAM];
	unsigned delivered = 0;

	cr_assert(eq(int, setsockopt(ours.tun_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0));
	for (uint32_t i = 0; i < 200; i++)
		send_seq(0, i, i);
	rig_until(counter_read(&peer->path[0].rx_packets) == 200);
	engine_stop(ours.engine); /* what is counted may not be written yet */
	while (read(ours.tun, packet, sizeof packet) > 0)
		delivered++;
	cr_expect(lt(uint, 0, delivered));
	expect_only(DROP_TUN_FULL, 200 - delivered);
}

/* ---- several at once ---- */

/* All of it waits in the socket before the RX thread starts, so one reception holds both peers,
 * known and unknown origins, and rubbish.
 */
Test(deliver, mixed_reception_is_sorted_and_each_origin_keeps_its_order)
{
	struct dp_peer *both[2] = {peer, engine_create_peer(ours.engine, NULL)};
	struct keypair *other = rig_keypair(&ours, both[1], true, 0x33, 0x44, clock_boot_ns());
	struct link_settings set = {.name = "third", .bind = here[0]};
	struct link *third = engine_link(ours.engine, 2);
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	uint32_t next[2][2] = {{0, 6}, {1, 7}};

	endpoint_set_port(&set.bind, 0);
	cr_assert(eq(int, link_open(third, &set), 0));
	rig_publish_allowedips(&ours, both, THERE, 2);
	for (uint32_t i = 0; i < 120; i++) {
		unsigned who = i % 2, origin = i / 6 % 2;
		size_t len = rig_packet(packet, 4, THERE + who, HERE, i, 100 + i);

		len = rig_seal(datagram, who ? 0x33 : INDEX_HERE, i, packet, len);
		rig_send(far[origin], &third->bound, datagram, len);
		if (i % 3 == 0)
			rig_send(far[origin], &third->bound, (const uint8_t *)"\4\0\0\0\1", 5);
	}
	rig_start_link(&ours, 2);
	for (uint32_t i = 0; i < 120; i++) {
		uint8_t got[RIG_DATAGRAM];
		size_t len = rig_read(&ours, got);
		uint32_t seq = load_be32(got + 20), *want = &next[seq % 2][seq / 6 % 2];

		cr_expect(eq(u32, seq, *want));
		*want += (*want + 2) / 6 % 2 == seq / 6 % 2 ? 2 : 8; /* over the other origin's */
		rig_packet(packet, 4, THERE + seq % 2, HERE, seq, 100 + seq);
		cr_assert(eq(sz, len, 100 + seq));
		ASSERT_BYTES(got, packet, len);
	}
	expect_only(DROP_MALFORMED, 40);
	engine_stop(ours.engine);
	rig_expect_all_home(&ours);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
	rig_strip_peer(&ours, both[1], other);
	rig_put_peer(both[1]);
}

/* ---- what the timers and control are told ---- */

Test(deliver, first_packet_under_a_responders_keypair_confirms_it_once)
{
	cr_expect(not(atomic_load(&kp->is_confirmed)));
	send_seq(0, 0, 1);
	expect_seq(1);
	rig_await_event(&ours, PEER_EVENT_CONFIRMED);
	cr_expect(atomic_load(&kp->is_confirmed));
	flush();
	flush();
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events & PEER_EVENT_CONFIRMED, 0));
}

Test(deliver, keepalive_is_heard_but_is_no_data)
{
	send_payload(1, 0, "", 0);
	rig_until(counter_read(&peer->heard_ns) != 0);
	cr_expect(eq(u64, counter_read(&peer->data_rx_since_ns), 0));
	cr_expect(eq(u64, counter_read(&peer->path[1].rx_packets), 1));
	cr_expect(eq(u64, counter_read(&peer->path[1].rx_bytes), TRANSPORT_OVERHEAD));
	cr_expect(ne(u64, counter_read(&peer->path[1].heard_ns), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].rx_packets), 0));
	send_seq(1, 1, 1);
	expect_seq(1);
	rig_await_event(&ours, PEER_EVENT_ACTIVE);
	cr_expect(ne(u64, counter_read(&peer->data_rx_since_ns), 0));
	expect_only(DROP_REASON_COUNT, 0);
}

/* A plain peer is where its newest packet came from. */
Test(deliver, plain_peer_is_followed_by_its_newest_packet_only)
{
	struct batch *r;

	atomic_store(&peer->followed_path, 0);
	send_seq(0, 10, 1);
	expect_seq(1);
	rig_until(counter_read(&peer->path[0].rx_packets) == 1);
	expect_no_notice();
	send_seq(1, 9, 2); /* older: it merely took its time */
	expect_seq(2);
	rig_until(counter_read(&peer->path[1].rx_packets) == 1);
	send_seq(1, 11, 3);
	expect_seq(3);
	r = rig_await_notice(&ours);
	cr_expect(eq(uint, r->len, 0)); /* merely the origin */
	cr_expect(eq(ptr, r->peer, peer));
	cr_expect(eq(uint, r->path_id, 1));
	cr_expect(endpoint_equal(&r->route.remote, &far_at[1]));
	cr_expect(eq(ptr, r->route.link, engine_link(ours.engine, 1)));
	cr_expect(eq(u64, r->first_counter, 11));
	batch_free(r);
	expect_no_notice();
}

/* Its paths went with their link: nobody knows where it is, until it speaks. */
Test(deliver, plain_peer_that_is_nowhere_is_found_where_it_speaks)
{
	struct batch *r;

	atomic_store(&peer->followed_path, PATH_LOST);
	cr_assert(eq(int, engine_publish_target(peer, 1, NULL), 0));
	send_seq(1, 11, 1);
	expect_seq(1);
	r = rig_await_notice(&ours);
	cr_expect(eq(uint, r->len, 0));
	cr_expect(eq(uint, r->path_id, PATH_NONE));
	cr_expect(endpoint_equal(&r->route.remote, &far_at[1]));
	batch_free(r);
}

Test(deliver, bonded_peer_is_not_followed)
{
	send_seq(0, 10, 1);
	expect_seq(1);
	send_seq(1, 11, 3);
	expect_seq(3);
	rig_until(counter_read(&peer->path[1].rx_packets) == 1);
	expect_no_notice();
}

/* ---- order of sending ---- */

#define HELD_NS (25 * NS_PER_MS) /* a gap is waited for so long at least */

static uint32_t take_seq(void)
{
	uint8_t packet[RIG_DATAGRAM];
	size_t len = rig_read(&ours, packet);

	return rig_flow_seq(packet, len, THERE, HERE);
}

/* Sends numbers @first on with the third one at last, over two paths that carry data. False when
 * the machine slept so long that the gap was given up, as it should be.
 */
static bool is_filled_in_time(uint32_t first)
{
	uint64_t heard = counter_read(&peer->path[1].rx_packets), begin_ns = clock_boot_ns();
	uint32_t at, came[3];

	send_seq(0, first, first);
	expect_seq(first);
	send_seq(1, first + 1, first + 1);
	expect_seq(first + 1);
	send_seq(1, first + 3, first + 3);
	send_seq(1, first + 4, first + 4);
	rig_until(counter_read(&peer->path[1].rx_packets) == heard + 3);
	send_seq(0, first + 2, first + 2);
	for (unsigned i = 0; i < 3; i++)
		came[i] = take_seq();
	cr_assert(came[0] == first + 2 || clock_boot_ns() - begin_ns >= HELD_NS, "too early");
	/* The late one comes in its place, or when it comes; the others in theirs. */
	for (at = 0; came[at] != first + 2; at++)
		cr_assert(lt(uint, at, 2));
	for (unsigned i = 0, next = first + 3; i < 3; i++)
		cr_expect(i == at || came[i] == next++, "%u", came[i]);
	return at == 0;
}

Test(deliver, missing_packet_that_comes_in_time_is_delivered_in_its_place)
{
	uint32_t first = 0;

	cr_assert(eq(int, engine_enable_reorder(peer), 0));
	while (!is_filled_in_time(first)) {
		first += 5;
		cr_assert(lt(u32, first, 100));
	}
	expect_only(DROP_REASON_COUNT, 0);
}
