/* SPDX-License-Identifier: MIT */
/* What leaves on a path: in its order, whoever else carries it, counted, and at what time. */
#include "dataplane/leave.h"
#include "outbound_rig.h"

enum {
	FLOOD_PKTS = 20000,
};

TestSuite(leave, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

Test(leave, redundant_datagrams_are_the_same_on_all_paths)
{
	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
	rig_publish_paths(peer, BONDING_REDUNDANT, 3, NULL);
	rig_start(&ours);
	for (uint32_t i = 0; i < 20; i++)
		write_seq(i);
	for (uint32_t i = 0; i < 20; i++)
		for (unsigned path = 0; path < 3; path++)
			cr_expect(eq(u64, expect_seq(path, i),
			             (uint64_t)LANE_UNORDERED << LANE_SHIFT | i));
}

/* A copy waits for its turn on its own path, and keeps nobody waiting on another. */
Test(leave, redundant_datagrams_keep_the_order_of_each_path)
{
	struct batch *held;

	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
	rig_publish_paths(peer, BONDING_REDUNDANT, 3, NULL);
	rig_start(&ours);
	held = hold_path(1);
	for (uint32_t i = 0; i < 5; i++) {
		write_seq(i);
		expect_seq(0, i);
		expect_seq(2, i);
	}
	cr_expect(not(rig_is_readable(far[1], 0)));
	work_run(&ours.engine->control, held);
	cr_expect(eq(u64, next_counter(1), (uint64_t)(LANE_CONTROL + 1) << LANE_SHIFT));
	for (uint32_t i = 0; i < 5; i++)
		expect_seq(1, i);
	rig_until(counter_read(&peer->path[1].tx_packets) == 6);
	rig_until(counter_read(&peer->path[0].tx_packets) == 5);
}

Test(leave, path_closed_meanwhile_is_a_drop)
{
	begin_session(true, 0);
	cr_assert(eq(int, engine_publish_target(peer, 0, NULL), 0));
	rig_start(&ours);
	write_seq(0);
	rig_until(drops(DROP_NO_PATH) == 1);
	rig_publish_target(&ours, peer, 0, 0, &far_at[0]);
	flush();
	expect_only(DROP_NO_PATH, 1);
	rig_until(counter_read(&peer->path[0].tx_packets) == 1);
}

Test(leave, refusal_of_the_system_is_told_to_control)
{
	struct endpoint broadcast = {0};

	begin_session(true, 0);
	cr_assert(eq(int, endpoint_parse("255.255.255.255:9", 0, &broadcast), 0));
	rig_publish_target(&ours, peer, 0, 0, &broadcast);
	rig_start(&ours);
	write_seq(0);
	rig_await_event(&ours, PEER_EVENT_SEND_ERROR);
	cr_expect(eq(int, dp_refusal_error(atomic_load(&peer->path[0].refusal)), EACCES));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_errors), 1));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 0));
	expect_only(DROP_SEND_ERROR, 1);
}

/* A busy worker's inbox may never be empty. Yet the time of what is sent must be that of its
 * sending, or the timers think the peer silent: while sent_ns stands still hardly anything can
 * have been sent.
 */
Test(leave, time_of_sending_is_not_stale_under_load)
{
	uint64_t since_ns = 0, since_packets = 0, most = 0, packets;
	struct flood flood[2];

	begin_session(true, 0);
	rig_start(&ours);
	flood_start(&flood[0]);
	flood_start(&flood[1]);
	do {
		uint64_t sent_ns;

		/* The count is read within the time that sent_ns stood: never too much. */
		packets = counter_read(&peer->path[0].tx_packets);
		sent_ns = counter_read(&peer->sent_ns);
		if (sent_ns != since_ns) {
			since_ns = sent_ns;
			since_packets = counter_read(&peer->path[0].tx_packets);
		} else if (packets - since_packets > most && packets > since_packets) {
			most = packets - since_packets;
		}
		rcu_quiescent_state();
	} while (packets < FLOOD_PKTS);
	flood_stop(&flood[0]);
	flood_stop(&flood[1]);
	cr_expect(lt(u64, most, 4 * BATCH_MAX));
}

/* ---- by hand ---- */

/* A batch of @count datagrams, sealed as far as anybody here looks, that the paths in @mask carry.
 */
static struct batch *make_sealed(struct dp_thread *self, unsigned count, unsigned mask)
{
	struct batch *b = batch_get_for(&self->pool, 100);

	b->kind = BATCH_SEAL;
	b->peer = dp_peer_get(peer);
	b->path_mask = (uint16_t)mask;
	atomic_store(&b->paths_left, (unsigned)__builtin_popcount(mask));
	for (unsigned i = 0; i < count; i++)
		memset(batch_place(b, 100), 7, 100);
	return b;
}

/* In whatever order they do, and whether they lead anywhere. */
Test(leave, last_path_that_carries_it_sends_it_home)
{
	struct dp_thread *self = &ours.engine->dispatcher[0].self;
	unsigned all = rig_pool_count(&self->pool);

	begin_session(true, 0);
	cr_assert(eq(int, engine_publish_target(peer, 1, NULL), 0));
	for (unsigned first = 0; first < 3; first++) {
		struct batch *b = make_sealed(self, 5, 7);

		leave_on_path(self, b, first);
		leave_on_path(self, b, (first + 1) % 3);
		cr_expect(eq(uint, rig_pool_count(&self->pool), all - 1));
		leave_on_path(self, b, (first + 2) % 3);
		cr_expect(eq(uint, rig_pool_count(&self->pool), all));
	}
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 15));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_bytes), 1500));
	cr_expect(eq(u64, counter_read(&peer->path[1].tx_packets), 0));
	cr_expect(eq(u64, counter_read(&peer->path[2].tx_packets), 15));
	expect_only(DROP_NO_PATH, 15);
}

/* The same datagrams, on the path of choice, in its order, after their batch is gone. */
Test(leave, what_was_sealed_leaves_again_on_another_path)
{
	struct dp_thread *self = &ours.engine->dispatcher[0].self;
	struct batch *b = make_sealed(self, 5, 1), *again, *held;
	uint8_t first[RIG_DATAGRAM], second[RIG_DATAGRAM];

	begin_session(true, 0);
	for (unsigned i = 0; i < 5; i++)
		segment_header(b, &b->segment[i])[0] = (uint8_t)i;
	again = batch_borrow(&self->pool, b, b->peer, 2, 2, 1);
	held = hold_path(1);
	sequencer_enter(&peer->path[1].leaving, &again->order);
	leave_on_path(self, b, 0);
	work_run(self, again);
	cr_expect(not(rig_is_readable(far[1], 0)), "it is not its turn");
	work_run(&ours.engine->control, held);
	cr_expect(eq(u64, next_counter(1), (uint64_t)(LANE_CONTROL + 1) << LANE_SHIFT));
	for (unsigned i = 0; i < 5; i++) {
		cr_assert(eq(int, (int)recv(far[0], first, sizeof first, 0), 100));
		cr_expect(eq(uint, first[0], i));
		if (i != 2 && i != 3)
			continue;
		cr_assert(eq(int, (int)recv(far[1], second, sizeof second, 0), 100));
		ASSERT_BYTES(second, first, 100);
	}
	cr_expect(not(rig_is_readable(far[1], 0)));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 5));
	cr_expect(eq(u64, counter_read(&peer->path[1].tx_packets), 3));
	cr_expect(eq(uint, chunk_pool_in_use(&self->pool.chunks), 0));
}

/* What the system does not take all of is counted with the path, and the rest has left. */
Test(leave, what_is_too_long_is_an_error_of_the_path)
{
	struct dp_thread *self = &ours.engine->dispatcher[0].self;
	struct batch *b = make_sealed(self, 3, 1);

	begin_session(true, 0);
	b->segment[1].offset = 0;
	b->segment[1].len = UDP_PAYLOAD_MAX + 1;
	leave_on_path(self, b, 0);
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 2));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_errors), 1));
	cr_expect(eq(u32, atomic_load(&peer->path[0].refusal), 0));
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events & PEER_EVENT_SEND_ERROR, 0));
	cr_expect(ne(u64, counter_read(&peer->sent_ns), 0));
}
