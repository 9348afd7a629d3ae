/* SPDX-License-Identifier: MIT */
#include "inbound_rig.h"

enum {
	FLUSH_SEQ = 0xf1f1f1, /* number of the packets that follow what is tested */
};

struct rig_end ours;
struct dp_peer *peer;
struct keypair *kp;
int far[LINKS];
struct endpoint far_at[LINKS], here[LINKS];

static uint64_t flush_counter;

void inbound_open(unsigned workers)
{
	rig_setup();
	rig_create(&ours, workers, LINKS, "127.0.0.1:0");
	peer = engine_create_peer(ours.engine, NULL);
	for (unsigned i = 0; i < LINKS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		here[i] = engine_link(ours.engine, i)->bound;
		rig_publish_target(&ours, peer, i, i, &far_at[i]);
	}
	rig_publish_paths(peer, BONDING_AGGREGATE, LINKS, NULL);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
	atomic_store(&peer->frames_allowed, true);
	atomic_store(&peer->followed_path, PATH_ANY);
	kp = rig_keypair(&ours, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	rig_start(&ours);
}

void inbound_setup(void)
{
	inbound_open(2);
}

void inbound_teardown(void)
{
	rig_finish(&ours, peer, kp, far, LINKS);
}

void send_payload(unsigned path, uint64_t counter, const void *payload, size_t len)
{
	uint8_t datagram[RIG_DATAGRAM];

	rig_send(far[path], &here[path], datagram,
	         rig_seal(datagram, INDEX_HERE, counter, payload, len));
}

void send_seq(unsigned path, uint64_t counter, uint32_t seq)
{
	uint8_t packet[RIG_MTU];

	send_payload(path, counter, packet, rig_flow_packet(packet, THERE, HERE, seq));
}

void expect_seq(uint32_t seq)
{
	uint8_t packet[RIG_DATAGRAM];
	size_t len = rig_read(&ours, packet);

	cr_expect(eq(u32, rig_flow_seq(packet, len, THERE, HERE), seq));
}

void flush(void)
{
	send_seq(0, (uint64_t)LANE_UNORDERED << LANE_SHIFT | flush_counter++, FLUSH_SEQ);
	expect_seq(FLUSH_SEQ);
}

uint64_t drops(enum drop_reason reason)
{
	return engine_drops(ours.engine, reason);
}

void expect_only(enum drop_reason reason, uint64_t count)
{
	rig_expect_drops(&ours, reason, count);
}

void expect_no_notice(void)
{
	cr_expect(eq(ptr, engine_take_notice(ours.engine), NULL));
}

size_t probe_frame(uint8_t payload[static 64], uint16_t seq)
{
	struct frame_probe body = {.path_id = 3, .t_tx_us = {1, 2, 3, 4}, .tx_packets = {7}};

	store_le16(body.seq, seq);
	return frame_append(payload, 0, 64, FRAME_PROBE, &body, sizeof body);
}

void send_frames(unsigned path, uint64_t counter, uint8_t payload[static 64], size_t len)
{
	size_t padded = frames_datagram_len(len) - TRANSPORT_OVERHEAD;

	memset(payload + len, 0, padded - len);
	send_payload(path, counter, payload, padded);
}

uint64_t control_counter(unsigned path, uint64_t seq)
{
	return (uint64_t)(LANE_CONTROL + path) << LANE_SHIFT | seq;
}

void expect_echo(unsigned path, uint16_t seq)
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

void send_answer(unsigned path, uint64_t seq, unsigned about, uint16_t number)
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

size_t hello_frame(uint8_t payload[static 64])
{
	struct frame_hello body = {.version = 1, .path_limit = 16};

	return frame_append(payload, 0, 64, FRAME_HELLO, &body, sizeof body);
}

unsigned free_notices(void)
{
	unsigned count = 0;
	struct batch *r;

	for (; (r = engine_take_notice(ours.engine)); count++)
		batch_free(r);
	return count;
}
