/* SPDX-License-Identifier: MIT */
/* The way in, from datagrams to the device and to control: one engine; the peers are sockets of
 * the test, which seals what it sends.
 */
#include "engine_rig.h"

enum {
	LINKS = 2,
	HERE = 1, /* our host number, and from 2 on those of the peers */
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	FLUSH_SEQ = 0xf1f1f1, /* number of the packets that follow what is tested */
	OLD = 20000,          /* their counters lie far ahead of those tested */
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far[LINKS]; /* path i leads from link i to far[i] */
static struct endpoint far_at[LINKS], here[LINKS];
static uint64_t flush_counter;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 2, LINKS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	for (unsigned i = 0; i < LINKS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		here[i] = engine_link(end.engine, i)->bound;
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
	rig_publish_paths(peer, BONDING_AGGREGATE, LINKS, NULL);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	atomic_store(&peer->frames_allowed, true);
	atomic_store(&peer->followed_path, PATH_ANY);
	kp = rig_keypair(&end, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	rig_start(&end);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, far, LINKS);
}

TestSuite(deliver, .init = setup, .fini = teardown, .timeout = 60);

static void send_payload(unsigned path, uint64_t counter, const void *payload, size_t len)
{
	uint8_t datagram[RIG_DATAGRAM];

	rig_send(far[path], &here[path], datagram,
	         rig_seal(datagram, INDEX_HERE, counter, payload, len));
}

static void send_seq(unsigned path, uint64_t counter, uint32_t seq)
{
	uint8_t packet[RIG_MTU];

	send_payload(path, counter, packet, rig_flow_packet(packet, THERE, HERE, seq));
}

static void expect_seq(uint32_t seq)
{
	uint8_t packet[RIG_DATAGRAM];
	size_t len = rig_read(&end, packet);

	cr_expect(eq(u32, rig_flow_seq(packet, len, THERE, HERE), seq));
}

/* Sends a good packet over path 0 and waits for it: what came before it there has been dealt with,
 * and none of it was delivered.
 */
static void flush(void)
{
	send_seq(0, (uint64_t)LANE_UNORDERED << LANE_SHIFT | flush_counter++, FLUSH_SEQ);
	expect_seq(FLUSH_SEQ);
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

static void expect_only(enum drop_reason reason, uint64_t count)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, drops(i), i == reason ? count : 0), "%s", drop_name(i));
}

static void expect_no_notice(void)
{
	cr_expect(eq(ptr, engine_take_notice(end.engine), NULL));
}

/* ---- datagrams that are refused ---- */

/* Each bit but those of the first byte, which would make it a handshake message. The word of the
 * type is looked at first, then the index, then the tag.
 */
Test(deliver, datagram_with_any_bit_changed_is_dropped)
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
	cr_expect(eq(sz, rig_read(&end, datagram), sizeof packet));
	ASSERT_BYTES(datagram, packet, sizeof packet);
	cr_expect(eq(u64, drops(DROP_REPLAY), 0));
	expect_no_notice();
}

Test(deliver, datagram_cut_at_any_length_is_dropped)
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

/* A train may take as much, so nothing that UDP carries is too long. */
Test(deliver, datagram_of_any_length_is_received_whole)
{
	uint32_t slot = end.engine->slot_bytes;
	const uint32_t lens[] = {slot, slot + 1, 4096, 4097, 9000, UDP_PAYLOAD_MAX};
	static uint8_t packet[65536], datagram[65536], got[65536];

	for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
		size_t len = lens[i] - TRANSPORT_OVERHEAD;
		ssize_t n;

		rig_packet(packet, 4, THERE, HERE, i, len);
		rig_send(far[0], &here[0], datagram,
		         rig_seal(datagram, INDEX_HERE, i, packet, len));
		cr_assert(rig_is_readable(end.tun, RIG_WAIT_MS), "%u bytes", lens[i]);
		n = read(end.tun, got, sizeof got);
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

/* Lateness as the window has it where lanes are accepted, whether bonding is agreed or not: to the word of
 * the newest, 2^17 bits.
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

Test(deliver, datagram_for_no_session_or_an_expired_one_is_dropped)
{
	struct keypair *old =
		rig_keypair(&end, peer, false, 0x33, 0x44, clock_boot_ns() - REJECT_AFTER_TIME);
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	size_t len = rig_flow_packet(packet, THERE, HERE, 1);

	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x33, 0, packet, len));
	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x55, 0, packet, len));
	flush();
	cr_expect(eq(u64, drops(DROP_KEY_EXPIRED), 1));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 1));
	cr_assert(index_remove(engine_index(end.engine), old));
	rig_send(far[0], &here[0], datagram, rig_seal(datagram, 0x33, 1, packet, len));
	flush();
	cr_expect(eq(u64, drops(DROP_KEY_EXPIRED), 1));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 2));
	cr_expect(eq(uint, reference_count(&old->references), 1));
	keypair_put(old);
}

/* ---- inner packets ---- */

Test(deliver, padding_is_cut_off_by_the_length_of_the_packet)
{
	uint8_t payload[RIG_MTU] = {0}, got[RIG_DATAGRAM];

	for (unsigned i = 0; i < 40; i++) {
		size_t len = rig_packet(payload, i % 2 ? 4 : 6, THERE, HERE, i, 50 + i / 2);

		send_payload(0, i, payload, len + i % 17);
		cr_expect(eq(sz, rig_read(&end, got), len));
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
	struct dp_peer *both[2] = {peer, engine_create_peer(end.engine, NULL)};
	uint8_t packet[100];
	uint64_t counter = 0;

	rig_publish_allowedips(&end, both, THERE, 2);
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
	engine_publish_allowedips(end.engine, NULL); /* nobody has any */
	send_seq(0, counter, 1);
	rig_until(drops(DROP_ALLOWED_IPS) == 7);
	rig_publish_allowedips(&end, &peer, THERE, 1);
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

	cr_assert(eq(int, setsockopt(end.tun_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0));
	for (uint32_t i = 0; i < 200; i++)
		send_seq(0, i, i);
	rig_until(counter_read(&peer->path[0].rx_packets) == 200);
	while (read(end.tun, packet, sizeof packet) > 0)
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
	struct dp_peer *both[2] = {peer, engine_create_peer(end.engine, NULL)};
	struct keypair *other = rig_keypair(&end, both[1], true, 0x33, 0x44, clock_boot_ns());
	struct link_settings set = {.name = "third", .bind = here[0]};
	struct link *third = engine_link(end.engine, 2);
	uint8_t packet[RIG_MTU], datagram[RIG_DATAGRAM];
	uint32_t next[2][2] = {{0, 6}, {1, 7}};

	endpoint_set_port(&set.bind, 0);
	cr_assert(eq(int, link_open(third, &set), 0));
	rig_publish_allowedips(&end, both, THERE, 2);
	for (uint32_t i = 0; i < 120; i++) {
		unsigned who = i % 2, origin = i / 6 % 2;
		size_t len = rig_packet(packet, 4, THERE + who, HERE, i, 100 + i);

		len = rig_seal(datagram, who ? 0x33 : INDEX_HERE, i, packet, len);
		rig_send(far[origin], &third->bound, datagram, len);
		if (i % 3 == 0)
			rig_send(far[origin], &third->bound, (const uint8_t *)"\4\0\0\0\1", 5);
	}
	rig_start_link(&end, 2);
	for (uint32_t i = 0; i < 120; i++) {
		uint8_t got[RIG_DATAGRAM];
		size_t len = rig_read(&end, got);
		uint32_t seq = load_be32(got + 20), *want = &next[seq % 2][seq / 6 % 2];

		cr_expect(eq(u32, seq, *want));
		*want += (*want + 2) / 6 % 2 == seq / 6 % 2 ? 2 : 8; /* over the other origin's */
		rig_packet(packet, 4, THERE + seq % 2, HERE, seq, 100 + seq);
		cr_assert(eq(sz, len, 100 + seq));
		ASSERT_BYTES(got, packet, len);
	}
	expect_only(DROP_MALFORMED, 40);
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	rig_strip_peer(&end, both[1], other);
	rig_put_peer(both[1]);
}

/* ---- what the timers and control are told ---- */

Test(deliver, first_packet_under_a_responders_keypair_confirms_it_once)
{
	cr_expect(not(atomic_load(&kp->is_confirmed)));
	send_seq(0, 0, 1);
	expect_seq(1);
	rig_await_event(&end, PEER_EVENT_CONFIRMED);
	cr_expect(atomic_load(&kp->is_confirmed));
	flush();
	flush();
	rig_take_events(&end);
	cr_expect(eq(uint, end.events & PEER_EVENT_CONFIRMED, 0));
}

Test(deliver, forged_packet_confirms_nothing_and_is_not_heard)
{
	uint8_t packet[64], datagram[RIG_DATAGRAM];
	size_t len = rig_packet(packet, 4, THERE, HERE, 1, sizeof packet);

	len = rig_seal(datagram, INDEX_HERE, 5, packet, len);
	datagram[len - 1] ^= 1;
	rig_send(far[0], &here[0], datagram, len);
	rig_until(drops(DROP_NOT_AUTHENTIC) == 1);
	engine_stop(end.engine);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0));
	cr_expect(not(atomic_load(&kp->is_confirmed)));
	cr_expect(eq(u64, counter_read(&peer->heard_ns), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].rx_packets), 0));
	cr_expect(eq(u64, counter_read(&peer->path[0].heard_ns), 0));
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
	rig_await_event(&end, PEER_EVENT_ACTIVE);
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
	r = rig_await_notice(&end);
	cr_expect(eq(uint, r->len, 0)); /* merely the origin */
	cr_expect(eq(ptr, r->peer, peer));
	cr_expect(eq(uint, r->path_id, 1));
	cr_expect(endpoint_equal(&r->route.remote, &far_at[1]));
	cr_expect(eq(ptr, r->route.link, engine_link(end.engine, 1)));
	cr_expect(eq(u64, r->first_counter, 11));
	batch_free(r);
	expect_no_notice();
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

/* ---- frames ---- */

static size_t probe_frame(uint8_t payload[static 64], uint16_t seq)
{
	struct frame_probe body = {.path_id = 3, .t_tx_us = {1, 2, 3, 4}, .tx_packets = {7}};

	store_le16(body.seq, seq);
	return frame_append(payload, 0, 64, FRAME_PROBE, &body, sizeof body);
}

/* Frames are padded like everything else: an answer is no longer than what it answers. */
static void send_frames(unsigned path, uint64_t counter, uint8_t payload[static 64], size_t len)
{
	size_t padded = frames_datagram_len(len) - TRANSPORT_OVERHEAD;

	memset(payload + len, 0, padded - len);
	send_payload(path, counter, payload, padded);
}

static uint64_t control_counter(unsigned path, uint64_t seq)
{
	return (uint64_t)(LANE_CONTROL + path) << LANE_SHIFT | seq;
}

static void expect_echo(unsigned path, uint16_t seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	cr_expect(eq(sz, rig_unseal(far[path], INDEX_THERE, &counter, payload), 32));
	cr_expect(eq(u64, counter >> LANE_SHIFT, LANE_CONTROL + path));
	cr_expect(eq(u8, payload[0], FRAME_MAGIC));
	cr_expect(eq(u8, payload[1], FRAME_ECHO));
	cr_expect(eq(u8, payload[4], 3)); /* the asker's own number of its path */
	cr_expect(eq(u16, load_le16(payload + 6), seq));
	ASSERT_BYTES(payload + 8, "\1\2\3\4", 4);
}

/* Control is told once that there is something, and finds it with the path. */
Test(deliver, probe_is_answered_on_its_path_and_control_hears_of_it)
{
	uint32_t taken[LINKS] = {0};
	uint8_t payload[64];

	for (uint16_t i = 0; i < 6; i++) {
		unsigned path = i % 2;
		struct life_sign sign;

		send_frames(path, control_counter(3, i), payload, probe_frame(payload, i));
		expect_echo(path, i);
		sign = rig_await_sign(&peer->path[path].probes, &taken[path]);
		rig_await_event(&end, PEER_EVENT_SIGNS);
		cr_expect(eq(u32, sign.key, INDEX_HERE));
		cr_expect(eq(u32, sign.number, 3));
		cr_expect(eq(u32, sign.sent, 7));
		cr_expect(eq(u32, sign.heard, i / 2));
	}
	expect_no_notice();
	expect_only(DROP_REASON_COUNT, 0);
}

/* ECHO about path @about; time and hold time make no sense, so its round trip is none. */
static void send_answer(unsigned path, uint64_t seq, unsigned about, uint16_t number)
{
	struct frame_echo body = {.path_id = (uint8_t)about, .hold_us = {0xff, 0xff, 0xff, 0x7f}};
	uint8_t payload[64];

	store_le16(body.seq, number);
	store_le32(body.tx_packets, 12);
	store_le32(body.rx_packets, 11);
	store_le32(body.t_tx_us, (uint32_t)(clock_boot_ns() / NS_PER_US));
	send_payload(path, control_counter(3, seq), payload,
	             frame_append(payload, 0, sizeof payload, FRAME_ECHO, &body, sizeof body));
}

Test(deliver, answer_is_kept_with_the_path_it_is_about_and_came_on)
{
	struct life_sign sign;
	uint32_t taken = 0;

	send_answer(0, 0, 1, 5);
	send_answer(0, 1, 0, 6);
	sign = rig_await_sign(&peer->path[0].answers, &taken);
	cr_expect(eq(u32, sign.number, 6));
	cr_expect(eq(u32, sign.key, INDEX_HERE));
	cr_expect(eq(u32, sign.rtt_us, 0));
	cr_expect(eq(u32, sign.sent, 12));
	cr_expect(eq(u32, sign.heard, 11));
	taken = 0;
	cr_expect(not(signs_take(&peer->path[1].answers, &taken, &sign)));
	expect_no_notice();
}

Test(deliver, probe_from_an_unknown_origin_is_told_and_not_answered)
{
	struct endpoint stranger_at;
	int stranger = rig_far_socket("127.0.0.1:0", &stranger_at);
	uint8_t payload[64], datagram[RIG_DATAGRAM];
	struct batch *r;
	size_t len;

	len = rig_seal(datagram, INDEX_HERE, control_counter(3, 0), payload,
	               probe_frame(payload, 1));
	rig_send(stranger, &here[0], datagram, len);
	r = rig_await_notice(&end);
	cr_expect(eq(uint, r->path_id, PATH_NONE));
	cr_expect(endpoint_equal(&r->route.remote, &stranger_at));
	cr_expect(eq(ptr, r->route.link, engine_link(end.engine, 0)));
	cr_expect(eq(ptr, r->keypair, kp));
	batch_free(r);
	/* An answer would have left before that of a later probe over another path. */
	send_frames(0, control_counter(3, 1), payload, probe_frame(payload, 2));
	expect_echo(0, 2);
	cr_expect(not(rig_is_readable(stranger, 0)));
	close(stranger);
}

Test(deliver, frames_from_a_plain_peer_are_no_packets)
{
	uint8_t payload[64];
	size_t len = probe_frame(payload, 1);

	atomic_store(&peer->frames_allowed, false);
	send_payload(0, control_counter(3, 0), payload, len);
	send_payload(0, 0, payload, len);
	flush();
	expect_only(DROP_INNER_MALFORMED, 2);
	expect_no_notice();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

/* All or nothing: the probe before the bad frame is not answered either. */
Test(deliver, payload_with_one_bad_frame_is_dropped_whole)
{
	static const char *const bad[] = {
		"b1",
		"b10a",
		"b10a0c",
		"b10a0c00",
		"b10a0c000000000000000000000000",
		"b10a0b000000000000000000000000", /* GOODBYE with a body of 11 */
		"45",
		"b1030000",
	};
	uint8_t payload[64];
	size_t len = probe_frame(payload, 1);

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t more = bytes_from_hex(payload + len, bad[i]);

		send_payload(0, control_counter(3, i), payload, len + more);
	}
	flush();
	expect_only(DROP_FRAME_MALFORMED, sizeof bad / sizeof *bad);
	expect_no_notice();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

Test(deliver, unknown_frame_is_counted_and_those_beside_it_are_heeded)
{
	uint8_t payload[64], body[20] = {1, 2, 3}, hello[16] = {1};
	size_t len = frame_append(payload, 0, sizeof payload, (enum frame_type)99, body, 3);
	uint32_t taken = 0;
	struct frame_probe probe = {.path_id = 3, .seq = {7, 0}, .t_tx_us = {1, 2, 3, 4}};
	struct batch *r;

	len = frame_append(payload, len, sizeof payload, FRAME_PROBE, &probe, sizeof probe);
	len = frame_append(payload, len, sizeof payload, (enum frame_type)5, body, 0);
	send_payload(0, control_counter(3, 0), payload, len);
	expect_echo(0, 7);
	rig_await_sign(&peer->path[0].probes, &taken);
	len = frame_append(payload, len, sizeof payload, FRAME_HELLO, hello, sizeof hello);
	send_payload(0, control_counter(3, 1), payload, len);
	expect_echo(0, 7);
	r = rig_await_notice(&end);
	ASSERT_BYTES(segment_payload(r, &r->segment[0]), payload, len);
	batch_free(r);
	expect_only(DROP_FRAME_UNKNOWN, 4);
}

/* A body longer than we know is read as far as it is known. */
Test(deliver, probe_of_a_later_version_is_answered)
{
	uint8_t payload[64], body[30] = {3, 0, 9, 0, 1, 2, 3, 4};
	uint32_t taken = 0;
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, body, sizeof body);

	send_payload(0, control_counter(3, 0), payload, len);
	expect_echo(0, 9);
	rig_await_sign(&peer->path[0].probes, &taken);
}

/* ---- control is busy ---- */

static size_t hello_frame(uint8_t payload[static 64])
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	return frame_append(payload, 0, 64, FRAME_HELLO, &body, sizeof body);
}

static unsigned free_notices(void)
{
	unsigned count = 0;
	struct batch *r;

	for (; (r = engine_take_notice(end.engine)); count++)
		batch_free(r);
	return count;
}

/* A peer may send what it likes: the newest signs of its paths are there, and nobody has lost a notice. */
Test(deliver, newest_life_signs_are_kept_while_nobody_takes_them)
{
	uint8_t payload[64];
	struct life_sign sign;
	uint32_t taken = 0;

	for (uint16_t i = 0; i < 100; i++) {
		send_frames(0, control_counter(3, 2 * i), payload, probe_frame(payload, i));
		expect_echo(0, i);
		send_answer(0, 2 * i + 1, 0, i);
	}
	flush();
	for (unsigned i = 0; i < SIGNS_KEPT; i++) {
		cr_assert(signs_take(&peer->path[0].answers, &taken, &sign), "%u", i);
		cr_expect(eq(u32, sign.number, 100 - SIGNS_KEPT + i));
	}
	cr_expect(not(signs_take(&peer->path[0].answers, &taken, &sign)));
	expect_no_notice();
	expect_only(DROP_REASON_COUNT, 0);
}

/* The queue is full of this peer's own: its life signs pass all the same. */
Test(deliver, life_signs_need_no_place_among_notices)
{
	uint8_t payload[64];
	uint32_t taken = 0;

	for (uint16_t i = 0; i < 3 * NOTICES_MAX; i++)
		send_payload(0, control_counter(3, i), payload, hello_frame(payload));
	flush();
	send_frames(0, control_counter(3, 3 * NOTICES_MAX), payload, probe_frame(payload, 1));
	expect_echo(0, 1);
	rig_await_sign(&peer->path[0].probes, &taken);
	send_answer(0, 3 * NOTICES_MAX + 1, 0, 8);
	taken = 0;
	cr_expect(eq(u32, rig_await_sign(&peer->path[0].answers, &taken).number, 8));
	expect_only(DROP_CONTROL_BUSY, 3 * NOTICES_MAX - NOTICES_PER_PEER);
	cr_expect(eq(uint, free_notices(), NOTICES_PER_PEER));
	/* And there is room again for as many. */
	send_payload(0, control_counter(3, 1000), payload, hello_frame(payload));
	batch_free(rig_await_notice(&end));
}

enum {
	PEERS = 24
};

/* More peers on path 0, that need nothing but an address to answer to. */
static void create_others(struct dp_peer *other[static PEERS])
{
	for (unsigned i = 0; i < PEERS; i++) {
		other[i] = engine_create_peer(end.engine, NULL);
		rig_publish_target(&end, other[i], 0, 0, &far_at[0]);
		atomic_store(&other[i]->frames_allowed, true);
		atomic_store(&other[i]->followed_path, PATH_ANY);
	}
}

static void put_others(struct dp_peer *other[static PEERS])
{
	rig_take_events(&end);
	free_notices();
	for (unsigned i = 0; i < PEERS; i++) {
		engine_publish_target(other[i], 0, NULL);
		rig_put_peer(other[i]);
	}
}

static struct dp_thread *ended_worker(void)
{
	return &end.engine->work.worker[0].self;
}

/* A batch of @from, as if received at @now_ns, for datagrams to be added. */
static struct batch *begin_batch(struct batch_pool *pool, struct dp_peer *from, uint64_t now_ns)
{
	struct batch *b = batch_get(pool);

	b->kind = BATCH_OPEN;
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->peer = dp_peer_get(from);
	b->route = (struct route){.link = engine_link(end.engine, 0), .remote = far_at[0]};
	b->time_ns = now_ns;
	return b;
}

static void add_datagram(struct batch *b, uint64_t seq, const uint8_t *payload, size_t len)
{
	struct segment *seg = batch_append(b, b->home->stride);

	seg->len = (uint16_t)rig_seal(segment_header(b, seg), INDEX_HERE, control_counter(3, seq),
	                              payload, len);
}

/* A worker that has ended, and so is ours, takes it in. */
static void take_in_batch(struct batch *b)
{
	sequencer_enter(&b->peer->arriving, &b->order);
	work_run(ended_worker(), b);
}

/* A datagram of @from, as if just received. */
static void take_in_at(struct dp_peer *from, uint64_t seq, const uint8_t *payload, size_t len,
                       uint64_t now_ns)
{
	struct batch *b = begin_batch(&end.engine->control.pool, from, now_ns);

	add_datagram(b, seq, payload, len);
	take_in_batch(b);
}

static void take_in(struct dp_peer *from, uint64_t seq, const uint8_t *payload, size_t len)
{
	take_in_at(from, seq, payload, len, clock_boot_ns());
}

/* Where a worker delivers its own memory must hold all notices that may wait, and answers. */
Test(deliver, worker_answers_probes_while_nobody_takes_notices)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64];

	engine_stop(end.engine);
	create_others(other);
	for (uint16_t i = 0; i < 3 * NOTICES_MAX; i++) {
		struct frame_probe probe = {.path_id = 3, .t_tx_us = {1, 2, 3, 4}};
		size_t len = hello_frame(payload);

		store_le16(probe.seq, i);
		len = frame_append(payload, len, 64, FRAME_PROBE, &probe, sizeof probe);
		take_in(other[i % PEERS], i, payload, len);
		expect_echo(0, i);
	}
	expect_only(DROP_CONTROL_BUSY, 2 * NOTICES_MAX);
	cr_expect(eq(uint, free_notices(), NOTICES_MAX));
	put_others(other);
}

Test(deliver, one_peers_flood_of_notices_leaves_room_for_the_others)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64];
	size_t len = hello_frame(payload);
	uint64_t seq = 0;

	engine_stop(end.engine);
	create_others(other);
	for (unsigned i = 0; i < 2 * NOTICES_MAX; i++)
		take_in(other[0], seq++, payload, len);
	for (unsigned i = 1; i <= 8; i++)
		take_in(other[i], seq++, payload, len);
	expect_only(DROP_CONTROL_BUSY, 2 * NOTICES_MAX - NOTICES_PER_PEER);
	cr_expect(eq(uint, free_notices(), NOTICES_PER_PEER + 8));
	put_others(other);
}

/* ---- answers ---- */

/* Two probes in one datagram get one answer, and one that is shorter than its answer gets none. */
Test(deliver, answers_are_no_longer_than_what_they_answer)
{
	uint8_t payload[128] = {0};
	size_t len = probe_frame(payload, 1);
	uint32_t taken = 0;

	send_payload(0, control_counter(3, 0), payload, len);
	send_payload(0, control_counter(3, 1), payload, len + 7);
	rig_await_sign(&peer->path[0].probes, &taken);
	rig_await_sign(&peer->path[0].probes, &taken);
	rig_until(drops(DROP_ANSWER_LIMITED) == 2);
	send_payload(0, control_counter(3, 2), payload, len + 8);
	expect_echo(0, 1);
	len += probe_frame(payload + len, 2);
	send_payload(0, control_counter(3, 3), payload, 2 * len);
	expect_echo(0, 2);
	flush();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

/* What is left of the datagram's weight goes to control with the notice. */
Test(deliver, notice_tells_what_answers_may_weigh)
{
	uint8_t payload[64];
	struct frame_probe probe = {.path_id = 3};
	size_t len = hello_frame(payload);
	struct batch *r;

	send_payload(0, control_counter(3, 0), payload, len);
	r = rig_await_notice(&end);
	cr_expect(eq(u32, r->answer_bytes, len + TRANSPORT_OVERHEAD));
	batch_free(r);
	len = frame_append(payload, len, 64, FRAME_PROBE, &probe, sizeof probe);
	send_payload(0, control_counter(3, 1), payload, len);
	r = rig_await_notice(&end);
	cr_expect(eq(u32, r->answer_bytes, len + TRANSPORT_OVERHEAD - 64));
	batch_free(r);
}

/* All within one moment: as many as a peer with all its paths asks for in a second are answered. */
Test(deliver, flood_of_probes_is_answered_so_far_and_another_peers_are_still)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64] = {0};
	size_t len = probe_frame(payload, 1) + 8;
	uint64_t seq = 0, now_ns = clock_boot_ns();

	engine_stop(end.engine);
	create_others(other);
	for (unsigned i = 0; i < 1000; i++)
		take_in_at(other[0], seq++, payload, len, now_ns);
	cr_expect(ge(u64, drops(DROP_ANSWER_LIMITED), 800));
	cr_expect(le(u64, drops(DROP_ANSWER_LIMITED), 1000 - 10 * PATHS_MAX));
	for (uint64_t i = drops(DROP_ANSWER_LIMITED); i < 1000; i++)
		expect_echo(0, 1);
	take_in_at(other[1], seq++, payload, len, now_ns);
	expect_echo(0, 1);
	take_in_at(other[0], seq++, payload, len, now_ns);
	cr_expect(not(rig_is_readable(far[0], 0)));
	take_in_at(other[0], seq++, payload, len, now_ns + NS_PER_S);
	expect_echo(0, 1);
	put_others(other);
}

/* However many come, in whatever order: the memory of who delivers is for answers to others as well. */
Test(deliver, of_probes_received_together_the_newest_is_answered)
{
	struct dp_peer *other[PEERS];
	static struct batch_pool pool; /* aligned, which the stack under sanitizers is not */
	struct batch *b;
	uint8_t payload[64];
	uint32_t taken = 0;
	struct life_sign sign;
	unsigned free_before;

	engine_stop(end.engine);
	create_others(other);
	cr_assert(eq(int, batch_pool_init(&pool, 1, batch_bytes_for(256), 256), 0));
	free_before = rig_pool_count(&ended_worker()->pool);
	b = begin_batch(&pool, other[0], clock_boot_ns());
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		unsigned number = i == BATCH_MAX - 2 ? BATCH_MAX - 1 :
		                  i == BATCH_MAX - 1 ? BATCH_MAX - 2 :
		                                       i;
		size_t len;

		memset(payload, 0, sizeof payload);
		len = probe_frame(payload, (uint16_t)(65530 + number));
		add_datagram(b, number, payload, len + 8);
	}
	take_in_batch(b);
	expect_echo(0, (uint16_t)(65530 + BATCH_MAX - 1));
	cr_expect(not(rig_is_readable(far[0], 0)));
	cr_expect(eq(uint, rig_pool_count(&ended_worker()->pool), free_before));
	cr_expect(signs_take(&other[0]->path[0].probes, &taken, &sign));
	expect_only(DROP_REASON_COUNT, 0);
	put_others(other);
	batch_pool_fini(&pool);
}

/* ---- order of sending ---- */

/* Sends numbers @first on with the second one at last, over two paths that carry data. False when
 * the machine slept so long that the gap was given up, as it should be.
 */
static bool is_filled_in_time(uint32_t first)
{
	uint64_t heard = counter_read(&peer->path[1].rx_packets);
	bool is_early;

	send_seq(0, first, first);
	expect_seq(first);
	send_seq(1, first + 1, first + 1);
	expect_seq(first + 1);
	send_seq(1, first + 3, first + 3);
	send_seq(1, first + 4, first + 4);
	rig_until(counter_read(&peer->path[1].rx_packets) == heard + 3);
	is_early = rig_is_readable(end.tun, 0);
	send_seq(0, first + 2, first + 2);
	if (!is_early)
		expect_seq(first + 2);
	expect_seq(first + 3);
	expect_seq(first + 4);
	if (is_early)
		expect_seq(first + 2);
	return !is_early;
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
