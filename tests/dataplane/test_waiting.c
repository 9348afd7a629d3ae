/* SPDX-License-Identifier: MIT */
/* Packets that nobody can take, in an engine of which no thread runs; see also test_staging.c. */
#include "dataplane/staging.h"
#include "dataplane/waiting.h"
#include "engine_rig.h"

enum {
	PEERS = 4,
	PER_PEER = 30000,
};

static struct rig_end end;
static struct dp_peer *peer[PEERS];
static struct waiting *waiting;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	waiting = &end.engine->waiting;
	for (unsigned i = 0; i < PEERS; i++)
		peer[i] = engine_create_peer(end.engine, NULL);
}

static void teardown(void)
{
	engine_stop(end.engine);
	rig_destroy(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_put_peer(peer[i]);
	rig_teardown();
}

TestSuite(waiting, .init = setup, .fini = teardown, .timeout = 60);

static struct staged_queue *queue(unsigned of)
{
	return &peer[of]->outflow->intake[0].staged;
}

/* Packet @seq waits for peer @of at the time of @self. */
static void add(struct dp_thread *self, unsigned of, uint32_t seq)
{
	struct virtio_net_hdr header = {0};
	uint8_t packet[RIG_MTU];
	size_t len = rig_flow_packet(packet, 1, 2, seq);
	struct super_packet cut;

	cr_assert(eq(uint, super_packet_begin(&cut, &header, packet, len), 1));
	waiting_add(waiting, self, queue(of), &cut);
	cr_assert(eq(sz, super_packet_next_len(&cut), 0));
}

static void add_at(unsigned of, uint32_t seq, uint64_t now_ns)
{
	end.engine->control.now_ns = now_ns;
	add(&end.engine->control, of, seq);
}

static void expect(unsigned of, uint32_t seq)
{
	uint8_t packet[RIG_DATAGRAM];
	size_t len = waiting_take(waiting, queue(of), packet);

	cr_assert(lt(sz, 0, len));
	cr_expect(eq(u32, rig_flow_seq(packet, len, 1, 2), seq));
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

/* What the worker that keeps the alarm does at @now_ns. Returns when it looks next. */
static uint64_t ring_alarms(uint64_t now_ns)
{
	struct alarms *alarms = &end.engine->work.worker[0].alarms;

	alarms_take(alarms);
	alarms_run(alarms, now_ns);
	return alarms_take(alarms);
}

Test(waiting, packets_come_out_in_their_order)
{
	uint8_t packet[RIG_DATAGRAM];

	for (uint32_t i = 0; i < 20; i++)
		add_at(i % 2, i, 0);
	for (uint32_t i = 0; i < 20; i++)
		expect(i % 2, i);
	cr_expect(eq(sz, waiting_take(waiting, queue(0), packet), 0));
}

Test(waiting, what_gives_way_and_what_was_in_vain_is_counted)
{
	for (uint32_t i = 0; i < STAGED_MAX + 3; i++)
		add_at(0, i, 0);
	add_at(1, 0, 0);
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), 3));
	expect(0, 3);
	waiting_drop(waiting, &end.engine->control, queue(0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), STAGED_MAX - 1));
	cr_expect(eq(u64, engine_staged(peer[0]), 0));
	expect(1, 0);
}

Test(waiting, alarm_drops_what_is_too_old_and_is_off_when_nothing_waits)
{
	const uint64_t start_ns = 1000 * NS_PER_S, second_ns = start_ns + 2 * NS_PER_S;

	cr_expect(eq(u64, ring_alarms(start_ns), NEVER_NS));
	add_at(0, 0, start_ns);
	add_at(1, 1, second_ns);
	cr_expect(eq(u64, ring_alarms(second_ns), start_ns + STAGED_AGE_NS));
	cr_expect(eq(u64, ring_alarms(start_ns + STAGED_AGE_NS), second_ns + STAGED_AGE_NS));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 1));
	cr_expect(eq(u64, engine_staged(peer[0]), 0));
	cr_expect(eq(u64, ring_alarms(second_ns + STAGED_AGE_NS), NEVER_NS));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 2));
}

/* Those that come later look, too: the alarm rests a second at least, and they may put it off. */
Test(waiting, steady_trickle_does_not_keep_old_packets)
{
	for (uint64_t now_ns = NS_PER_S; now_ns <= 20 * NS_PER_S; now_ns += NS_PER_S / 4)
		add_at(0, 0, now_ns);
	cr_expect(eq(u64, engine_staged(peer[0]), 4 * STAGED_AGE_NS / NS_PER_S));
}

/* ---- with threads ---- */

struct user {
	struct thread thread;
	struct dp_thread *self;
	unsigned of;
	unsigned disordered;
	uint64_t taken;
};

/* What a role of each peer's would do, side by side in the same memory. */
static void use(void *arg)
{
	struct user *u = arg;
	uint8_t packet[RIG_DATAGRAM];
	uint32_t next = 0;
	size_t len;

	for (uint32_t i = 0; i < PER_PEER; i++) {
		add(u->self, u->of, i);
		if (i % 50 < 25)
			continue;
		for (unsigned k = 0; k < 2 && (len = waiting_take(waiting, queue(u->of), packet));
		     k++) {
			uint32_t seq = rig_flow_seq(packet, len, 1, 2);

			u->disordered += seq < next;
			next = seq + 1;
			u->taken++;
		}
	}
}

Test(waiting, peers_share_the_memory_side_by_side)
{
	static struct dp_thread self[PEERS];
	static struct user user[PEERS];
	uint64_t sum = 0;

	for (unsigned i = 0; i < PEERS; i++) {
		self[i].work = &end.engine->work;
		user[i] = (struct user){.self = &self[i], .of = i};
		cr_assert(
			eq(int,
		           thread_start(&user[i].thread, "user", THREAD_WORKER, -1, use, &user[i]),
		           0));
	}
	for (unsigned i = 0; i < PEERS; i++) {
		thread_join(&user[i].thread);
		cr_expect(eq(uint, user[i].disordered, 0));
		sum += user[i].taken + engine_staged(peer[i]) +
		       counter_read(&self[i].drops[DROP_STAGED_FULL]);
	}
	cr_expect(eq(u64, sum, PEERS * PER_PEER));
}
