/* SPDX-License-Identifier: MIT */
#include "outflow_rig.h"

#include "base/ip.h"

struct rig_end end;
struct dp_peer *peer;
struct outflow *out;
struct keypair *kp;
int far[PATHS];
struct endpoint far_at[PATHS];

void outflow_setup(void)
{
	struct engine_settings set = rig_settings(1);

	rig_setup();
	set.tun.queues = QUEUES;
	rig_create_as(&end, set, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	out = peer->outflow;
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
}

void outflow_teardown(void)
{
	rig_finish(&end, peer, kp, far, PATHS);
}

void begin_session(enum bonding_mode mode, unsigned paths)
{
	kp = rig_keypair(&end, peer, true, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	rig_publish_paths(peer, mode, paths, NULL);
}

struct dp_thread *dispatcher(unsigned id)
{
	struct dp_thread *self = &end.engine->dispatcher[id].self;

	self->now_ns = clock_boot_ns();
	return self;
}

struct read_buffer *read_next(unsigned id, uint32_t seq, size_t *ret_len)
{
	struct read_pool *reads = &end.engine->dispatcher[id].reads;
	struct virtio_net_hdr header = {0};
	struct read_buffer *read;

	while (!read_pool_has_room(reads)) { /* until others have sent what is theirs */
		rcu_quiescent_state();
		sched_yield();
	}
	read = read_pool_next(reads);
	*ret_len = rig_flow_packet(read->data, HERE, THERE, seq);
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, *ret_len), 1));
	return read;
}

struct read_buffer *read_seq(unsigned id, uint32_t seq)
{
	size_t len;
	struct read_buffer *read = read_next(id, seq, &len);

	return read_pool_keep(read->home, read, len);
}

struct read_buffer *chain_of(unsigned id, uint32_t first, unsigned count)
{
	struct read_buffer *chain = NULL;

	while (count--) {
		struct read_buffer *read = read_seq(id, first + count);

		read->next = chain;
		chain = read;
	}
	return chain;
}

void expect_run(unsigned id, enum outflow_outcome want)
{
	cr_expect(eq(int, outflow_run(dispatcher(id), out, false), want));
}

void send_chain(uint32_t first, unsigned count)
{
	cr_assert(outflow_put(out, chain_of(0, first, count)));
	expect_run(0, OUTFLOW_DONE);
}

uint64_t next_on(unsigned path, uint32_t *ret_seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far[path], INDEX_THERE, &counter, payload);

	*ret_seq = rig_flow_seq(payload, ip_packet_len(payload, len), HERE, THERE);
	return counter;
}

void expect_on(unsigned path, uint64_t counter, uint32_t seq)
{
	uint32_t got;

	cr_expect(eq(u64, next_on(path, &got), counter));
	cr_expect(eq(u32, got, seq));
}

uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

struct batch *take_batches(unsigned id)
{
	struct batch_pool *pool = &end.engine->dispatcher[id].self.pool;
	struct batch *taken = NULL, *b;

	while ((b = batch_get(pool))) {
		b->next = taken;
		taken = b;
	}
	return taken;
}

void give_batches(struct batch *taken)
{
	struct batch *b;

	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
}
