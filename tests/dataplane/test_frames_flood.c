/* SPDX-License-Identifier: MIT */
/* Frames of many peers, or many of one, within a moment: nobody takes what belongs to another. The
 * engine has stopped, its workers are the test's.
 */
#include "inbound_rig.h"

TestSuite(frames_flood, .init = inbound_setup, .fini = inbound_teardown, .timeout = 60);

enum {
	PEERS = 24
};

/* More peers on path 0, that need nothing but an address to answer to. */
static void create_others(struct dp_peer *other[static PEERS])
{
	for (unsigned i = 0; i < PEERS; i++) {
		other[i] = engine_create_peer(ours.engine, NULL);
		rig_publish_target(&ours, other[i], 0, 0, &far_at[0]);
		atomic_store(&other[i]->frames_allowed, true);
		atomic_store(&other[i]->followed_path, PATH_ANY);
	}
}

static void put_others(struct dp_peer *other[static PEERS])
{
	rig_take_events(&ours);
	free_notices();
	for (unsigned i = 0; i < PEERS; i++) {
		engine_publish_target(other[i], 0, NULL);
		rig_put_peer(other[i]);
	}
}

static struct dp_thread *ended_worker(void)
{
	return &ours.engine->work.worker[0].self;
}

/* A batch of @from, as if received at @now_ns, for datagrams to be added. */
static struct batch *begin_batch(struct batch_pool *pool, struct dp_peer *from, uint64_t now_ns)
{
	struct batch *b = batch_get(pool);

	b->kind = BATCH_OPEN;
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->peer = dp_peer_get(from);
	b->route = (struct route){.link = engine_link(ours.engine, 0), .remote = far_at[0]};
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
	struct batch *b = begin_batch(&ours.engine->control.pool, from, now_ns);

	add_datagram(b, seq, payload, len);
	take_in_batch(b);
}

static void take_in(struct dp_peer *from, uint64_t seq, const uint8_t *payload, size_t len)
{
	take_in_at(from, seq, payload, len, clock_boot_ns());
}

/* Where a worker delivers its own memory must hold all notices that may wait, and answers. */
Test(frames_flood, worker_answers_probes_while_nobody_takes_notices)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64];

	engine_stop(ours.engine);
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

Test(frames_flood, one_peers_flood_of_notices_leaves_room_for_the_others)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64];
	size_t len = hello_frame(payload);
	uint64_t seq = 0;

	engine_stop(ours.engine);
	create_others(other);
	for (unsigned i = 0; i < 2 * NOTICES_MAX; i++)
		take_in(other[0], seq++, payload, len);
	for (unsigned i = 1; i <= 8; i++)
		take_in(other[i], seq++, payload, len);
	expect_only(DROP_CONTROL_BUSY, 2 * NOTICES_MAX - NOTICES_PER_PEER);
	cr_expect(eq(uint, free_notices(), NOTICES_PER_PEER + 8));
	put_others(other);
}

/* All within one moment: as many as a peer with all its paths asks for in a second are answered. */
Test(frames_flood, flood_of_probes_is_answered_so_far_and_another_peers_are_still)
{
	struct dp_peer *other[PEERS];
	uint8_t payload[64] = {0};
	size_t len = probe_frame(payload, 1) + 8;
	uint64_t seq = 0, now_ns = clock_boot_ns();

	engine_stop(ours.engine);
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

/* However many come, in whatever order: the memory of who delivers is for answers to others as
 * well.
 */
Test(frames_flood, of_probes_received_together_the_newest_is_answered)
{
	struct dp_peer *other[PEERS];
	static struct batch_pool pool; /* aligned, which the stack under sanitizers is not */
	struct batch *b;
	uint8_t payload[64];
	uint32_t taken = 0;
	struct life_sign sign;
	unsigned free_before;

	engine_stop(ours.engine);
	create_others(other);
	cr_assert(eq(int, batch_pool_init(&pool, 1, BATCH_MAX * 256, 256), 0));
	free_before = rig_pool_count(&ended_worker()->pool);
	b = begin_batch(&pool, other[0], clock_boot_ns());
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		unsigned number = i == BATCH_MAX - 2   ? BATCH_MAX - 1
		                  : i == BATCH_MAX - 1 ? BATCH_MAX - 2
		                                       : i;
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
