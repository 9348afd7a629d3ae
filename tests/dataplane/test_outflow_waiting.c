/* SPDX-License-Identifier: MIT */
/* Packets that nobody can take now, and that wait. */
#include "outflow_rig.h"

enum {
	/* Peers, with as many packets as each may have: more than the memory holds. */
	ABSENT = READ_WAIT_BYTES / (RIG_MTU * STAGED_MAX),
	BESIDE = 4,  /* peers and threads, and ... */
	EACH = 5000, /* ... packets of each */
};

static const uint64_t start_ns = 1000 * NS_PER_S;

TestSuite(outflow_waiting, .init = outflow_setup, .fini = outflow_teardown, .timeout = 60);

Test(outflow_waiting, packets_of_a_turn_wait_when_there_is_no_session)
{
	struct read_buffer *read;
	size_t len;

	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(dispatcher(1), out), OUTFLOW_DONE));
	read = read_next(1, 7, &len);
	cr_assert(outflow_send(dispatcher(1), out, read, len));
	cr_expect(eq(int, outflow_end(dispatcher(1), out, false), OUTFLOW_DONE));
	cr_expect(eq(u64, engine_staged(peer), 1));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 7);
}

Test(outflow_waiting, without_a_session_packets_wait_and_go_before_later_ones)
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

Test(outflow_waiting, without_a_path_packets_wait_for_one)
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

Test(outflow_waiting, what_waits_is_dropped_when_it_is_given_up)
{
	send_chain(0, 7);
	cr_assert(outflow_give_up(out));
	cr_expect(eq(int, outflow_run(&end.engine->control, out, true), OUTFLOW_DONE));
	cr_expect(eq(u64, engine_staged(peer), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 7));
}

/* Control has no memory for runs: it leaves them to a dispatcher, and does what needs none itself.
 */
Test(outflow_waiting, who_has_no_memory_for_runs_passes_on_what_needs_it)
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

Test(outflow_waiting, engine_passes_what_waits_to_the_dispatcher_of_the_peer)
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

/* The dispatcher's batches are all in flight; nothing is lost or out of order when they come home.
 */
Test(outflow_waiting, without_memory_it_goes_on_later)
{
	struct batch_pool *pool = &dispatcher(0)->pool;
	struct batch *taken, *b;

	begin_session(BONDING_AGGREGATE, 1);
	taken = take_batches(0);
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
	give_batches(taken);
}

/* In the middle of what was read, in a turn: the rest of it goes first later. */
Test(outflow_waiting, read_that_found_no_memory_is_kept_in_its_place)
{
	struct read_buffer *read;
	struct batch *taken;
	size_t len;

	begin_session(BONDING_AGGREGATE, 1);
	taken = take_batches(0);
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(dispatcher(0), out), OUTFLOW_DONE));
	read = read_next(0, 0, &len);
	cr_assert(not(outflow_send(dispatcher(0), out, read, len)));
	cr_expect(eq(int, outflow_end(dispatcher(0), out, false), OUTFLOW_NO_MEMORY));
	cr_expect(not(outflow_put(out, chain_of(0, 1, 1))), "the role is still taken");
	give_batches(taken);
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 0);
	expect_on(0, 1, 1);
}

/* ---- how many ---- */

Test(outflow_waiting, oldest_give_way_whichever_dispatcher_read_them)
{
	for (uint32_t i = 0; i < STAGED_MAX + 3; i++) {
		cr_assert(outflow_put(out, chain_of(i % QUEUES, i, 1)));
		expect_run(i % QUEUES, OUTFLOW_DONE);
	}
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), 3));
	cr_expect(eq(u64, engine_staged(peer), STAGED_MAX));
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	expect_run(1, OUTFLOW_DONE);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		expect_on(0, i, 3 + i);
}

/* What waits for a session is no longer in transit: the dispatcher reads on. */
Test(outflow_waiting, absent_peers_leave_room_for_what_is_read)
{
	struct read_pool *reads = &end.engine->dispatcher[0].reads;
	struct dp_peer *absent[ABSENT];

	for (unsigned i = 0; i < ABSENT; i++) {
		absent[i] = engine_create_peer(end.engine, NULL);
		for (uint32_t k = 0; k < STAGED_MAX; k++) {
			cr_assert(read_pool_has_room(reads));
			cr_assert(outflow_put(absent[i]->outflow, chain_of(0, k, 1)));
			cr_expect(eq(int, outflow_run(dispatcher(0), absent[i]->outflow, false),
			             OUTFLOW_DONE));
		}
	}
	cr_expect(lt(u64, 0, drops(DROP_STAGED_FULL)), "the memory is full");
	begin_session(BONDING_AGGREGATE, 1);
	for (uint32_t i = 0; i < 100; i++) {
		cr_assert(read_pool_has_room(reads));
		send_chain(i, 1);
		expect_on(0, i, i);
	}
	for (unsigned i = 0; i < ABSENT; i++) {
		engine_drop_staged(absent[i]);
		cr_expect(eq(u64, engine_staged(absent[i]), 0));
	}
	cr_expect(eq(i64, read_pool_spare(reads), READ_WAIT_BYTES));
	engine_stop(end.engine);
	rig_take_events(&end);
	for (unsigned i = 0; i < ABSENT; i++)
		rig_put_peer(absent[i]);
}

/* ---- how long ---- */

/* Packet @seq waits since @now_ns. */
static void wait_since(uint32_t seq, uint64_t now_ns)
{
	struct read_buffer *chain = chain_of(0, seq, 1);
	struct dp_thread *self = dispatcher(0);

	self->now_ns = now_ns;
	cr_assert(outflow_put(out, chain));
	cr_assert(eq(int, outflow_run(self, out, false), OUTFLOW_DONE));
}

/* What the worker that keeps the alarm does at @now_ns. Returns when it looks next. */
static uint64_t ring_alarms(uint64_t now_ns)
{
	struct alarms *alarms = &end.engine->work.worker[0].alarms;

	alarms_take(alarms);
	alarms_run(alarms, now_ns);
	return alarms_take(alarms);
}

Test(outflow_waiting, alarm_drops_what_is_too_old_and_is_off_when_nothing_waits)
{
	const uint64_t second_ns = start_ns + 2 * NS_PER_S;

	cr_expect(eq(u64, ring_alarms(start_ns), NEVER_NS));
	wait_since(0, start_ns);
	wait_since(1, second_ns);
	cr_expect(eq(u64, ring_alarms(second_ns), start_ns + SENDER_AGE_NS));
	cr_expect(eq(u64, ring_alarms(start_ns + SENDER_AGE_NS), second_ns + SENDER_AGE_NS));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 1));
	cr_expect(eq(u64, engine_staged(peer), 1));
	cr_expect(eq(u64, ring_alarms(second_ns + SENDER_AGE_NS), NEVER_NS));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 2));
	cr_expect(eq(u64, engine_staged(peer), 0));
}

/* Those that come later look, too: the alarm rests a second at least, and they may put it off. */
Test(outflow_waiting, steady_trickle_does_not_keep_old_packets)
{
	for (uint64_t now_ns = NS_PER_S; now_ns <= 20 * NS_PER_S; now_ns += NS_PER_S / 4) {
		wait_since(0, now_ns);
		cr_expect(le(u64, now_ns + NS_PER_S, alarm_at_ns(&out->expiry)));
	}
	cr_expect(eq(u64, engine_staged(peer), 4 * SENDER_AGE_NS / NS_PER_S));
}

Test(outflow_waiting, old_packet_is_not_sent_when_the_session_comes_at_last)
{
	uint64_t now_ns = clock_boot_ns();

	wait_since(0, now_ns - SENDER_AGE_NS);
	wait_since(1, now_ns);
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_ask(out));
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 1);
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 1));
}

/* What is dropped at the beginning of a turn are buffers like the one that was just read into. */
Test(outflow_waiting, read_that_begins_a_turn_outlives_what_is_dropped_in_it)
{
	enum {
		LONG = 30000 /* never to be sent: no slot has that much */
	};
	struct read_pool *reads = &end.engine->dispatcher[0].reads;
	struct dp_thread *self = dispatcher(0);
	struct virtio_net_hdr header = {0};
	struct read_buffer *read;
	size_t len;

	self->now_ns = start_ns;
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(self, out), OUTFLOW_DONE));
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(read_pool_has_room(reads));
		read = read_pool_next(reads);
		memset(read->data, 0x45, LONG);
		cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, LONG), 1));
		cr_assert(outflow_send(self, out, read, LONG));
	}
	cr_assert(eq(int, outflow_end(self, out, false), OUTFLOW_DONE));
	cr_expect(eq(u64, engine_staged(peer), 2));

	read = read_next(0, 7, &len);
	self->now_ns = start_ns + SENDER_AGE_NS;
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(self, out), OUTFLOW_DONE));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 2));
	cr_assert(outflow_send(self, out, read, len));
	cr_assert(eq(int, outflow_end(self, out, false), OUTFLOW_DONE));
	begin_session(BONDING_AGGREGATE, 1);
	self->now_ns = clock_boot_ns();
	out->runs.sender.waiting.first->since_ns = self->now_ns;
	cr_assert(outflow_ask(out));
	expect_run(0, OUTFLOW_DONE);
	expect_on(0, 0, 7);
}

/* ---- the peer ---- */

static unsigned references(void)
{
	rig_take_events(&end); /* they hold the peer */
	return reference_count(&peer->references);
}

Test(outflow_waiting, peer_is_held_as_long_as_something_waits)
{
	wait_since(0, start_ns);
	cr_expect(lt(uint, 1, references()));
	ring_alarms(start_ns + SENDER_AGE_NS);
	cr_expect(eq(uint, references(), 1));
	wait_since(1, start_ns);
	wait_since(2, start_ns);
	cr_expect(lt(uint, 1, references()));
	engine_drop_staged(peer);
	ring_alarms(start_ns + SENDER_AGE_NS); /* it knew of the peer */
	cr_expect(eq(uint, references(), 1));
}

/* As when the engine stops: somebody has to let go of peers that nobody else knows any more. */
Test(outflow_waiting, what_waits_is_forgotten_when_the_engine_stops)
{
	begin_session(BONDING_AGGREGATE, 0);
	wait_since(0, start_ns);
	cr_assert(outflow_put(out, chain_of(1, 1, 2)));
	expect_run(1, OUTFLOW_DONE);
	cr_assert(outflow_ask(out)); /* and its role is on its way */
	cr_assert(dispatcher_give_role(&end.engine->dispatcher[2], peer));
	cr_expect(not(outflow_put(out, chain_of(3, 3, 2))));
	engine_stop(end.engine);
	cr_expect(eq(uint, references(), 1));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
	for (unsigned i = 0; i < QUEUES; i++)
		cr_expect(eq(i64, read_pool_spare(&end.engine->dispatcher[i].reads),
		             READ_WAIT_BYTES));
}

/* ---- with threads ---- */

struct visitor {
	struct thread thread;
	struct dp_thread *self;
	struct dp_peer **peer;
	_Atomic bool is_over;
};

/* Takes the roles that it finds free, as control and workers do at any time. */
static void visit(void *arg)
{
	struct visitor *v = arg;

	for (unsigned i = 0; !atomic_load(&v->is_over); i++) {
		struct outflow *o = v->peer[i % BESIDE]->outflow;

		v->self->now_ns = clock_boot_ns();
		if (outflow_ask(o))
			outflow_run(v->self, o, false);
		rcu_quiescent_state();
	}
}

/* One dispatcher's reads wait for several peers, in whose roles others are at work beside it. */
Test(outflow_waiting, peers_share_a_dispatchers_memory_side_by_side)
{
	static struct visitor visitor[BESIDE];
	struct read_pool *reads = &end.engine->dispatcher[0].reads;
	struct dp_peer *beside[BESIDE];
	uint64_t waiting = 0;

	for (unsigned i = 0; i < BESIDE; i++)
		beside[i] = engine_create_peer(end.engine, NULL);
	for (unsigned i = 0; i < BESIDE; i++) {
		visitor[i] = (struct visitor){.self = i ? dispatcher(i) : &end.engine->control,
		                              .peer = beside};
		cr_assert(eq(int,
		             thread_start(&visitor[i].thread, "visitor", THREAD_WORKER, -1, visit,
		                          &visitor[i]),
		             0));
	}
	for (uint32_t i = 0; i < BESIDE * EACH; i++) {
		struct outflow *o = beside[i % BESIDE]->outflow;

		if (outflow_put(o, chain_of(0, i, 1)))
			outflow_run(dispatcher(0), o, false);
	}
	for (unsigned i = 0; i < BESIDE; i++) {
		atomic_store(&visitor[i].is_over, true);
		thread_join(&visitor[i].thread);
	}
	for (unsigned i = 0; i < BESIDE; i++)
		waiting += engine_staged(beside[i]);
	cr_expect(eq(u64, waiting + drops(DROP_STAGED_FULL), BESIDE * EACH));
	cr_expect(eq(u64, atomic_load(&reads->waiting[0]), waiting));
	engine_stop(end.engine);
	cr_expect(eq(i64, read_pool_spare(reads), READ_WAIT_BYTES));
	rig_take_events(&end);
	for (unsigned i = 0; i < BESIDE; i++)
		rig_put_peer(beside[i]);
}
