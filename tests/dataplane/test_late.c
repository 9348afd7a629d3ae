/* SPDX-License-Identifier: MIT */
/* Frames and keepalives, which are sealed when they leave. */
#include "dataplane/late.h"
#include "outbound_rig.h"

TestSuite(late, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

/* Its number is that of its place in the order, not of the moment at which it is sealed. */
Test(late, a_keepalive_does_not_overtake_data_numbered_before_it_nor_after)
{
	struct batch *held;

	begin_session(true, 0);
	rig_start(&ours);
	write_seq(0);
	cr_expect(eq(u64, expect_seq(0, 0), 0));
	held = hold_path(0);
	write_seq(1);
	rig_until(atomic_load(&kp->sent[LANE_ORDERED]) == 2);
	cr_assert(engine_send_late(ours.engine, peer, kp, 0, LANE_ORDERED, NULL, 0, NULL));
	write_seq(2);
	rig_until(atomic_load(&kp->sent[LANE_ORDERED]) == 4);
	work_run(&ours.engine->control, held);
	cr_expect(eq(u64, next_counter(0), (uint64_t)LANE_CONTROL << LANE_SHIFT));
	cr_expect(eq(u64, expect_seq(0, 1), 1));
	cr_expect(eq(u64, next_counter(0), 2), "the keepalive");
	cr_expect(eq(u64, expect_seq(0, 2), 3));
}

static bool send_probe(void)
{
	struct frame_probe body = {.path_id = 0};
	uint8_t payload[64];
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);

	return engine_send_late(ours.engine, peer, kp, 0, LANE_CONTROL, payload, len, NULL);
}

Test(late, late_batch_is_numbered_in_its_lane_and_padded)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&ours);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(send_probe());
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), 32));
		cr_expect(eq(u64, counter, (uint64_t)LANE_CONTROL << LANE_SHIFT | i));
		cr_expect(eq(u32, load_le32(payload + 4 + 8), i)); /* datagrams sent before it */
		for (unsigned k = 24; k < 32; k++)
			cr_expect(eq(u8, payload[k], 0));
	}
	cr_expect(eq(u64, atomic_load(&kp->sent[LANE_ORDERED]), 0));
	cr_expect(eq(u64, counter_read(&peer->data_tx_since_ns), 0)); /* no data */
	cr_expect(ne(u64, counter_read(&peer->sent_ns), 0));
}

Test(late, longest_late_batch_fits)
{
	uint8_t longest[LATE_LEN_MAX], payload[RIG_DATAGRAM];
	uint64_t counter;

	memset(longest, 7, sizeof longest);
	begin_session(true, 0);
	rig_start(&ours);
	cr_assert(engine_send_late(ours.engine, peer, kp, 0, LANE_ORDERED, longest, sizeof longest,
	                           NULL));
	cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), LATE_LEN_MAX));
	ASSERT_BYTES(payload, longest, LATE_LEN_MAX);
	cr_expect(eq(u64, counter, 0));
}

Test(late, late_batch_without_session_path_or_counter_is_dropped)
{
	begin_session(true, REJECT_AFTER_TIME);
	rig_start(&ours);
	cr_expect(send_probe());
	rig_until(drops(DROP_NO_SESSION) == 1);
	expect_only(DROP_NO_SESSION, 1);
	end_session();
	begin_session(true, 0);
	cr_assert(eq(int, engine_publish_target(peer, 0, NULL), 0));
	cr_expect(send_probe());
	rig_until(drops(DROP_NO_PATH) == 1);
	atomic_store(&kp->sent[LANE_CONTROL], REJECT_AFTER_MESSAGES - 1);
	cr_expect(send_probe());
	rig_until(drops(DROP_COUNTER_LIMIT) == 1);
	cr_expect(send_probe());
	rig_until(drops(DROP_NO_SESSION) == 2);
	cr_expect(not(rig_is_readable(far[0], 0)));
}
