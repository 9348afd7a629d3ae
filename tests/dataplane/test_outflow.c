/* SPDX-License-Identifier: MIT */
/* The way out of one peer, worked on by hand: the engine's dispatchers do not run, the test has
 * what is theirs. Far ends are sockets of the test.
 */
#include "base/ip.h"
#include "dataplane/outflow.h"
#include "engine_rig.h"

enum {
	QUEUES = 4,
	PATHS = 2,
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	PER_THREAD = 4000,
	AHEAD = 300, /* packets on their way to a socket that can hold them */
};

static struct rig_end end;
static struct dp_peer *peer;
static struct outflow *out;
static struct keypair *kp;
static int far[PATHS];
static struct endpoint far_at[PATHS];

static void setup(void)
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

static void teardown(void)
{
	rig_finish(&end, peer, kp, far, PATHS);
}

TestSuite(outflow, .init = setup, .fini = teardown, .timeout = 60);

static void begin_session(enum bonding_mode mode, unsigned paths)
{
	kp = rig_keypair(&end, peer, true, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
	rig_publish_paths(peer, mode, paths, NULL);
}

static struct dp_thread *dispatcher(unsigned id)
{
	struct dp_thread *self = &end.engine->dispatcher[id].self;

	self->now_ns = clock_boot_ns();
	return self;
}

/* What dispatcher @id would have read: packet @seq. Stays with its pool. */
static struct super_packet *read_next(unsigned id, uint32_t seq, size_t *ret_len)
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
	return &read->cut;
}

static struct read_buffer *read_seq(unsigned id, uint32_t seq)
{
	size_t len;

	read_next(id, seq, &len);
	return read_pool_keep(&end.engine->dispatcher[id].reads, len);
}

/* A chain of the packets from @first on, @count of them. */
static struct read_buffer *chain_of(unsigned id, uint32_t first, unsigned count)
{
	struct read_buffer *chain = NULL;

	while (count--) {
		struct read_buffer *read = read_seq(id, first + count);

		read->next = chain;
		chain = read;
	}
	return chain;
}

static void expect_run(unsigned id, enum outflow_outcome want)
{
	cr_expect(eq(int, outflow_run(dispatcher(id), out, false), want));
}

static void send_chain(uint32_t first, unsigned count)
{
	cr_assert(outflow_put(out, chain_of(0, first, count)));
	expect_run(0, OUTFLOW_DONE);
}

/* The next packet on @path. Returns its counter. */
static uint64_t next_on(unsigned path, uint32_t *ret_seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far[path], INDEX_THERE, &counter, payload);

	*ret_seq = rig_flow_seq(payload, ip_packet_len(payload, len), HERE, THERE);
	return counter;
}

static void expect_on(unsigned path, uint64_t counter, uint32_t seq)
{
	uint32_t got;

	cr_expect(eq(u64, next_on(path, &got), counter));
	cr_expect(eq(u32, got, seq));
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

Test(outflow, packets_get_consecutive_counters_in_the_order_read)
{
	begin_session(BONDING_AGGREGATE, 1);
	send_chain(0, 1);
	send_chain(1, 100); /* more than a run holds */
	for (uint32_t i = 0; i < 101; i++)
		expect_on(0, i, i);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}

/* What is put in while somebody has the role is sent by him, after what was there before. */
Test(outflow, who_does_not_get_the_role_leaves_it_to_the_other)
{
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	cr_expect(not(outflow_put(out, chain_of(0, 0, 3))));
	cr_expect(not(outflow_put(out, chain_of(1, 3, 3))));
	cr_expect(not(outflow_ask(out)));
	cr_expect(not(rig_is_readable(far[0], 0)));
	expect_run(2, OUTFLOW_DONE);
	for (uint32_t i = 0; i < 6; i++)
		expect_on(0, i, i);
}

/* As a dispatcher does in a round: what others put in meanwhile comes after it. */
Test(outflow, packets_of_a_turn_go_as_they_are_read)
{
	size_t len;

	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(dispatcher(1), out), OUTFLOW_DONE));
	for (uint32_t i = 0; i < 70; i++) {
		cr_assert(outflow_send(dispatcher(1), out, read_next(1, i, &len)));
		if (i == 3)
			cr_expect(not(outflow_put(out, chain_of(0, 70, 2))));
	}
	cr_expect(not(rig_is_readable(far[0], 0)), "sent when the role is free again");
	cr_expect(eq(int, outflow_end(dispatcher(1), out, false), OUTFLOW_DONE));
	for (uint32_t i = 0; i < 72; i++)
		expect_on(0, i, i);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}

Test(outflow, packets_of_a_turn_wait_when_there_is_no_session)
{
	size_t len;

	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(dispatcher(1), out), OUTFLOW_DONE));
	cr_assert(outflow_send(dispatcher(1), out, read_next(1, 7, &len)));
	cr_expect(eq(int, outflow_end(dispatcher(1), out, false), OUTFLOW_DONE));
	cr_expect(eq(u64, counter_read(&out->intake[1].staged.len), 1));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 7);
}

/* The peer was removed while its role was on its way to somebody with memory. */
Test(outflow, what_is_abandoned_is_dropped_and_the_role_is_free)
{
	cr_assert(outflow_ask(out));
	cr_expect(not(outflow_put(out, chain_of(0, 0, 3))));
	cr_expect(not(outflow_put(out, chain_of(1, 0, 2))));
	outflow_abandon(dispatcher(2), out);
	cr_expect(eq(u64, drops(DROP_NO_PEER), 5));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
	begin_session(BONDING_AGGREGATE, 1);
	send_chain(0, 1);
	expect_on(0, 0, 0);
}

/* Long runs: there was a high rate. Each is on one path, and takes up where the one before ended.
 */
Test(outflow, counters_of_a_run_are_consecutive_on_one_path)
{
	uint64_t next = 0, counter[PATHS];
	uint32_t seq[PATHS];
	unsigned changes = 0, at = PATHS;

	begin_session(BONDING_AGGREGATE, PATHS);
	out->runs.sender.run.bytes_per_s = 80000000; /* runs of 20,000 bytes */
	out->runs.sender.run.window_ns = clock_boot_ns();
	send_chain(0, 120);
	for (unsigned i = 0; i < PATHS; i++)
		counter[i] = next_on(i, &seq[i]);
	for (; next < 120; next++) {
		unsigned path = counter[0] == next ? 0 : 1;

		cr_assert(eq(u64, counter[path], next));
		cr_assert(eq(u32, seq[path], (uint32_t)next));
		changes += path != at;
		at = path;
		counter[path] = rig_is_readable(far[path], 0) ? next_on(path, &seq[path]) : 0;
	}
	cr_expect(lt(uint, 2, changes));
	cr_expect(lt(uint, changes, 20));
}

Test(outflow, redundant_run_goes_over_all_paths_in_its_own_lane)
{
	uint64_t lane = (uint64_t)LANE_UNORDERED << LANE_SHIFT;

	begin_session(BONDING_REDUNDANT, PATHS);
	atomic_store(&kp->send_lanes, true);
	send_chain(0, 70);
	for (uint32_t i = 0; i < 70; i++) {
		expect_on(0, lane | i, i);
		expect_on(1, lane | i, i);
	}
}

Test(outflow, without_a_session_packets_wait_and_go_before_later_ones)
{
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	send_chain(0, 5);
	cr_assert(outflow_put(out, chain_of(1, 100, 5)));
	expect_run(1, OUTFLOW_DONE);
	cr_expect(eq(u64, engine_staged(peer), 10));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	begin_session(BONDING_AGGREGATE, 1);
	send_chain(5, 1);
	for (uint32_t i = 0; i < 5; i++)
		expect_on(0, i, i);
	for (uint32_t i = 0; i < 5; i++)
		expect_on(0, 5 + i, 100 + i);
	expect_on(0, 10, 5);
	cr_expect(eq(u64, engine_staged(peer), 0));
}

Test(outflow, without_a_path_packets_wait_for_one)
{
	begin_session(BONDING_AGGREGATE, 0);
	send_chain(0, 2);
	cr_expect(eq(u64, engine_staged(peer), 2));
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	cr_assert(outflow_ask(out));
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 0);
	expect_on(0, 1, 1);
}

Test(outflow, what_waits_is_dropped_when_it_is_given_up)
{
	send_chain(0, 7);
	cr_assert(outflow_give_up(out));
	cr_expect(eq(int, outflow_run(&end.engine->control, out, true), OUTFLOW_DONE));
	cr_expect(eq(u64, engine_staged(peer), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 7));
}

/* Control has no memory for runs: it leaves them to a dispatcher, and does what needs none itself.
 */
Test(outflow, who_has_no_memory_for_runs_passes_on_what_needs_it)
{
	struct dp_thread *control = &end.engine->control;

	cr_assert(outflow_ask(out));
	cr_expect(eq(int, outflow_run(control, out, true), OUTFLOW_DONE));
	send_chain(0, 1);
	cr_assert(outflow_ask(out));
	cr_expect(eq(int, outflow_run(control, out, true), OUTFLOW_DONE), "nothing can go");
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	cr_expect(eq(int, outflow_run(control, out, true), OUTFLOW_PASS_ON));
	cr_expect(not(outflow_ask(out)), "the role is still taken");
	expect_run(3, OUTFLOW_DONE);
	expect_on(0, 0, 0);
}

Test(outflow, engine_passes_what_waits_to_the_dispatcher_of_the_peer)
{
	struct dispatcher *home = &end.engine->dispatcher[dp_peer_queue(peer)];

	send_chain(0, 1);
	begin_session(BONDING_AGGREGATE, 1);
	engine_kick(peer);
	engine_kick(peer); /* once more: it is on its way */
	cr_assert(eq(ptr, dispatcher_take_role(home), peer));
	cr_expect(eq(ptr, dispatcher_take_role(home), NULL));
	expect_run(0, OUTFLOW_DONE);
	dp_peer_put(peer);
	expect_on(0, 0, 0);
}

/* Late batches of the lanes of data are numbered among the packets. */
Test(outflow, keepalive_gets_a_counter_of_the_lane_of_data)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(BONDING_AGGREGATE, 1);
	send_chain(0, 1);
	cr_expect(engine_send_late(end.engine, peer, kp, 0, LANE_ORDERED, NULL, 0, NULL));
	send_chain(1, 1);
	expect_on(0, 0, 0);
	cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), 0));
	cr_expect(eq(u64, counter, 1));
	expect_on(0, 2, 1);
}

/* The dispatcher's batches are all in flight; nothing is lost or out of order when they come home.
 */
Test(outflow, without_memory_it_goes_on_later)
{
	struct batch_pool *pool = &dispatcher(0)->pool;
	struct batch *taken = NULL, *b;

	begin_session(BONDING_AGGREGATE, 1);
	while ((b = batch_get(pool))) {
		b->next = taken;
		taken = b;
	}
	cr_assert(outflow_put(out, chain_of(0, 0, 100)));
	expect_run(0, OUTFLOW_NO_MEMORY);
	cr_expect(not(rig_is_readable(far[0], 0)));
	b = taken;
	taken = b->next;
	batch_free(b);
	/* The batch comes home when it was sent, and carries the rest: at once, or with the next
	 * call.
	 */
	while (outflow_run(dispatcher(0), out, false) == OUTFLOW_NO_MEMORY)
		cr_assert(batch_pool_has_idle(pool));
	for (uint32_t i = 0; i < 100; i++)
		expect_on(0, i, i);
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
}

/* In the middle of what was read, in a turn: the rest of it goes first later. */
Test(outflow, read_that_found_no_memory_is_kept_in_its_place)
{
	struct batch_pool *pool = &dispatcher(0)->pool;
	struct batch *taken = NULL, *b;
	size_t len;

	begin_session(BONDING_AGGREGATE, 1);
	while ((b = batch_get(pool))) {
		b->next = taken;
		taken = b;
	}
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(dispatcher(0), out), OUTFLOW_DONE));
	cr_assert(not(outflow_send(dispatcher(0), out, read_next(0, 0, &len))));
	outflow_keep(out, read_pool_keep(&end.engine->dispatcher[0].reads, len));
	cr_expect(eq(int, outflow_end(dispatcher(0), out, false), OUTFLOW_NO_MEMORY));
	cr_expect(not(outflow_put(out, chain_of(0, 1, 1))), "the role is still taken");
	while ((b = taken)) {
		taken = b->next;
		batch_free(b);
	}
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 0);
	expect_on(0, 1, 1);
}

/* ---- with threads ---- */

struct pusher {
	struct thread thread;
	unsigned id;
};

static _Atomic unsigned sent, received;

/* One that is always sent on: the turn's end and lack of memory are only told. */
static void work_on(struct pusher *p)
{
	while (outflow_run(dispatcher(p->id), out, false) != OUTFLOW_DONE)
		rcu_quiescent_state();
}

static void push(void *arg)
{
	struct pusher *p = arg;
	struct test_random random = {p->id};

	for (uint32_t i = 0; i < PER_THREAD;) {
		unsigned count = 1 + (unsigned)(test_random_next(&random) % 8);

		if (i + count > PER_THREAD)
			count = PER_THREAD - i;
		while (atomic_load(&sent) > atomic_load(&received) + AHEAD) {
			rcu_quiescent_state();
			sched_yield();
		}
		atomic_fetch_add(&sent, count);
		if (outflow_put(out, chain_of(p->id, p->id * PER_THREAD + i, count)))
			work_on(p);
		i += count;
		rcu_quiescent_state();
	}
}

/* Every counter once, on one path in their order, and each thread's packets in theirs. */
Test(outflow, several_put_and_whoever_has_the_role_sends_all)
{
	static struct pusher pusher[QUEUES];
	uint32_t next[QUEUES] = {0}, seq;
	struct worker *w = &end.engine->work.worker[0]; /* turns of leaving are handed to it */

	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(
		eq(int, thread_start(&w->thread, "worker", THREAD_WORKER, -1, worker_main, w), 0));
	for (unsigned i = 0; i < QUEUES; i++) {
		pusher[i].id = i;
		cr_assert(eq(int,
		             thread_start(&pusher[i].thread, "pusher", THREAD_WORKER, -1, push,
		                          &pusher[i]),
		             0));
	}
	for (uint64_t i = 0; i < QUEUES * PER_THREAD; i++) {
		cr_assert(eq(u64, next_on(0, &seq), i));
		cr_assert(eq(u32, seq % PER_THREAD, next[seq / PER_THREAD]++));
		atomic_fetch_add(&received, 1);
	}
	for (unsigned i = 0; i < QUEUES; i++)
		thread_join(&pusher[i].thread);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}
