/* SPDX-License-Identifier: MIT */
/* Which worker gets a batch, on real engines. The test decides which workers run: one that does not
 * is one that is busy for ever.
 */
#include "engine_rig.h"

enum {
	HERE = 1,
	THERE = 2,
	WORKERS = 4,
	BURSTS = 20,
	BURST_PKTS = 20,
	OCCUPIED_WITH = 40, /* batches: more than a burst makes */
};

static struct rig_end end;
static struct dp_peer *peer, *other;
static struct keypair *kp;
static int far;
static struct endpoint far_at;

static void create(unsigned workers, unsigned busy_poll_us)
{
	struct engine_settings set = rig_settings(workers);

	rig_setup();
	set.hand_over = true;
	set.busy_poll_us = busy_poll_us;
	rig_create_as(&end, set, 1, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	other = engine_create_peer(end.engine, NULL);
	far = rig_far_socket("127.0.0.1:0", &far_at);
	rig_publish_target(&end, peer, 0, 0, &far_at);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	kp = rig_keypair(&end, peer, true, 0x11, 0x22, clock_boot_ns());
	rig_use_keypair(peer, kp);
}

static void teardown(void)
{
	engine_stop(end.engine);
	rig_take_events(&end);
	rig_strip_peer(&end, other, NULL);
	rig_put_peer(other);
	rig_finish(&end, peer, kp, &far, 1);
}

TestSuite(work, .fini = teardown, .timeout = 60);

static unsigned load(unsigned worker)
{
	return inbox_load(&end.engine->work.worker[worker].inbox);
}

/* One without packets, in the order of what arrives from @of. */
static struct batch *make_batch(struct dp_peer *of)
{
	struct batch *b = batch_get(&end.engine->control.pool);

	cr_assert(ne(ptr, b, NULL));
	b->kind = BATCH_FLUSH;
	b->peer = dp_peer_get(of);
	b->time_ns = clock_boot_ns();
	sequencer_enter(&of->arriving, &b->order);
	return b;
}

static void submit(struct dp_peer *of, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		work_submit(&end.engine->control, make_batch(of), true);
}

/* The only one that gets a batch of @of while nobody has any. */
static unsigned home(struct dp_peer *of)
{
	unsigned at = 0;

	submit(of, 1);
	while (at < end.engine->set.workers && !load(at))
		at++;
	cr_assert(lt(uint, at, end.engine->set.workers));
	return at;
}

Test(work, batches_of_one_peer_are_shared_by_all_workers)
{
	create(WORKERS, 0);
	submit(peer, 3 * WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_expect(eq(uint, load(i), 3), "worker %u", i);
}

/* The only worker gets all: there is nobody else to look at. */
Test(work, only_one_gets_everything)
{
	create(1, 0);
	submit(peer, 10);
	cr_expect(eq(uint, load(0), 10));
}

/* Of many the work goes to a few at a time, and over time to all. */
Test(work, load_of_many_workers_stays_even)
{
	unsigned most = 0;

	create(WORKERS_MAX, 0);
	for (unsigned i = 0; i < 60; i++) /* nearly all that control has */
		submit(i % 2 ? peer : other, 1);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		most = load(i) > most ? load(i) : most;
	cr_expect(le(uint, most, 4));
}

/* The home worker of a peer that is idle gets its batches, whoever else is idle. */
Test(work, idle_home_is_preferred)
{
	unsigned at;

	create(WORKERS, 0);
	at = home(peer);
	for (unsigned i = 0; i < 10; i++) {
		work_run(&end.engine->control, inbox_take(&end.engine->work.worker[at].inbox));
		cr_assert(eq(ptr, inbox_take(&end.engine->work.worker[at].inbox), NULL));
		submit(peer, 1);
		cr_expect(eq(uint, load(at), 1));
	}
}

static void expect_burst(uint32_t seq)
{
	uint8_t payload[RIG_DATAGRAM], want[RIG_MTU];
	uint64_t counter;

	for (uint32_t i = seq; i < seq + BURST_PKTS; i++) {
		rig_unseal(far, 0x22, &counter, payload);
		cr_expect(eq(u64, counter, i));
		ASSERT_BYTES(payload, want, rig_packet(want, 4, HERE, THERE, i, 100));
	}
}

/* Packets pass, in order, while the peer's own worker has the work of another peer before it. The
 * other one never sleeps, so the choice is not between awake and asleep.
 */
Test(work, nothing_waits_behind_an_occupied_worker)
{
	uint8_t packet[RIG_MTU];
	struct engine *e;
	unsigned at;

	create(2, 1000000);
	e = end.engine;
	at = home(peer);
	work_run(&e->control, inbox_take(&e->work.worker[at].inbox));
	cr_assert(eq(ptr, inbox_take(&e->work.worker[at].inbox), NULL));
	cr_assert(eq(int,
	             thread_start(&e->work.worker[!at].thread, "worker", THREAD_WORKER, -1,
	                          worker_main, &e->work.worker[!at]),
	             0));
	for (unsigned i = 0; i < OCCUPIED_WITH; i++)
		inbox_push(&e->work.worker[at].inbox, make_batch(other));
	cr_assert(eq(int,
	             thread_start(&e->dispatcher[0].thread, "dispatcher", THREAD_TUN, -1,
	                          dispatcher_main, &e->dispatcher[0]),
	             0));
	for (uint32_t seq = 0; seq < BURSTS * BURST_PKTS; seq += BURST_PKTS) {
		for (uint32_t i = seq; i < seq + BURST_PKTS; i++)
			cr_assert(rig_write(&end, packet,
			                    rig_packet(packet, 4, HERE, THERE, i, 100)));
		expect_burst(seq);
	}
	cr_expect(eq(uint, load(at), OCCUPIED_WITH));
}
