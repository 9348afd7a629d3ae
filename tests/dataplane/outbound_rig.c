/* SPDX-License-Identifier: MIT */
#include "outbound_rig.h"
#include "dataplane/late.h"

struct rig_end ours;
struct dp_peer *peer;
struct keypair *kp;
int far[PATHS];
struct endpoint far_at[PATHS];

void outbound_setup(void)
{
	rig_setup();
	rig_create(&ours, 2, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(ours.engine, NULL);
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&ours, peer, i, i, &far_at[i]);
	}
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
}

void outbound_teardown(void)
{
	rig_finish(&ours, peer, kp, far, PATHS);
}

void begin_session(bool is_initiator, uint64_t age_ns)
{
	kp = rig_keypair(&ours, peer, is_initiator, INDEX_HERE, INDEX_THERE,
	                 clock_boot_ns() - age_ns);
	rig_use_keypair(peer, kp);
}

void end_session(void)
{
	rig_use_keypair(peer, NULL);
	cr_assert(index_remove(engine_index(ours.engine), kp));
	keypair_put(kp);
	kp = NULL;
}

void write_seq(uint32_t seq)
{
	uint8_t packet[RIG_MTU];

	struct pollfd p = {.fd = ours.tun, .events = POLLOUT};
	size_t len = rig_flow_packet(packet, HERE, THERE, seq);

	while (!rig_write(&ours, packet, len)) {
		rcu_thread_offline();
		cr_assert(eq(int, poll(&p, 1, RIG_WAIT_MS), 1));
		rcu_thread_online();
	}
}

/* The packet itself without the padding of the payload that carries it. */
static uint32_t seq_of_payload(const uint8_t *payload, size_t len)
{
	size_t total = payload[0] >> 4 == 4 ? load_be16(payload + 2) : 40u + load_be16(payload + 4);

	cr_assert(le(sz, total, len));
	cr_assert(lt(sz, len, total + PADDING_MULTIPLE));
	return rig_flow_seq(payload, total, HERE, THERE);
}

uint64_t expect_seq(unsigned path, uint32_t seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far[path], INDEX_THERE, &counter, payload);

	cr_expect(eq(u32, seq_of_payload(payload, len), seq));
	return counter;
}

uint64_t drops(enum drop_reason reason)
{
	return engine_drops(ours.engine, reason);
}

uint64_t staged(void)
{
	return engine_staged(peer);
}

struct batch *hold_path(unsigned path)
{
	uint8_t payload[FRAME_HEADER_LEN] = {FRAME_MAGIC, FRAME_HELLO};

	return late_make(&ours.engine->control, peer, kp, path, LANE_CONTROL + path, payload,
	                 sizeof payload, NULL, 0);
}

uint64_t next_counter(unsigned path)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	rig_unseal(far[path], INDEX_THERE, &counter, payload);
	return counter;
}

void flush(void)
{
	write_seq(7);
	expect_seq(0, 7);
}

void expect_only(enum drop_reason reason, uint64_t count)
{
	rig_expect_drops(&ours, reason, count);
}

static void pour(void *arg)
{
	struct flood *f = arg;
	uint8_t packet[RIG_MTU];
	size_t len = rig_packet(packet, 4, HERE, THERE, 0, RIG_MTU);

	while (!atomic_load(&f->is_over)) {
		struct pollfd p = {.fd = ours.tun, .events = POLLOUT};

		if (write(ours.tun, packet, len) < 0)
			poll(&p, 1, 10);
	}
}

void flood_start(struct flood *f)
{
	*f = (struct flood){0};
	cr_assert(eq(int, thread_start(&f->thread, "flood", THREAD_HELPER, -1, pour, f), 0));
}

void flood_stop(struct flood *f)
{
	atomic_store(&f->is_over, true);
	thread_join(&f->thread);
}
