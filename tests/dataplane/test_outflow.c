/* SPDX-License-Identifier: MIT */
/* Packets that go at once; those that wait are in test_outflow_waiting.c. */
#include "outflow_rig.h"

enum {
	PER_THREAD = 4000,
	AHEAD = 300, /* packets on their way to a socket that can hold them */
};

TestSuite(outflow, .init = outflow_setup, .fini = outflow_teardown, .timeout = 60);

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
		struct read_buffer *read = read_next(1, i, &len);

		cr_assert(outflow_send(dispatcher(1), out, read, len));
		if (i == 3)
			cr_expect(not(outflow_put(out, chain_of(0, 70, 2))));
	}
	cr_expect(not(rig_is_readable(far[0], 0)), "sent when the role is free again");
	cr_expect(eq(int, outflow_end(dispatcher(1), out, false), OUTFLOW_DONE));
	for (uint32_t i = 0; i < 72; i++)
		expect_on(0, i, i);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
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
	struct dp_thread *self;

	begin_session(BONDING_AGGREGATE, PATHS);
	cr_assert(outflow_put(out, chain_of(0, 0, 120)));
	self = dispatcher(0);
	out->runs.sender.run.bytes_per_s = 80000000; /* runs of 20,000 bytes ... */
	out->runs.sender.run.window_ns = self->now_ns; /* ... at the time of this turn */
	cr_assert(eq(int, outflow_run(self, out, false), OUTFLOW_DONE));
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
