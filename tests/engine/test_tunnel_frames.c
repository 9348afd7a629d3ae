/* SPDX-License-Identifier: MIT */
/* Frames between two engines: where they go, and what either side learns from them. */
#include "tunnel_rig.h"

TestSuite(tunnel_frames, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

Test(tunnel_frames, late_batch_arrives_as_notice_with_its_path)
{
	struct tunnel t;
	uint8_t payload[64] = {0};
	size_t len = hello(payload);

	tunnel_open(&t, 2, 3, BONDING_AGGREGATE, NULL);
	for (unsigned i = 0; i < 12; i++) {
		unsigned path = i % 3;
		struct batch *r;

		payload[4 + 8] = (uint8_t)i;
		cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, path, LANE_CONTROL + path,
		                           payload, len, NULL));
		r = rig_await_notice(&t.b);
		cr_expect(eq(int, r->kind, BATCH_NOTICE));
		cr_expect(eq(uint, r->path_id, path));
		cr_expect(eq(ptr, r->peer, t.to_a));
		cr_expect(eq(ptr, r->keypair, t.kp_b));
		cr_expect(eq(ptr, r->route.link, engine_link(t.b.engine, path)));
		cr_expect(endpoint_equal(&r->route.remote, &engine_link(t.a.engine, path)->bound));
		cr_expect(eq(u64, r->first_counter,
		             (uint64_t)(LANE_CONTROL + path) << LANE_SHIFT | i / 3));
		cr_expect(eq(u64, r->rx_packets, i / 3));
		cr_assert(eq(uint, r->len, 1));
		cr_assert(eq(uint, r->segment[0].len, 32)); /* padded */
		ASSERT_BYTES(segment_payload(r, &r->segment[0]), payload, 32);
		batch_free(r);
	}
	tunnel_close(&t);
}

/* Sends a probe on @path; returns what the other side hears of it, and in @ret_answer what comes
 * back.
 */
static struct life_sign probe(struct tunnel *t, unsigned path, uint16_t seq, uint32_t taken,
                              struct life_sign *ret_answer)
{
	struct frame_probe body = {.path_id = (uint8_t)path};
	struct life_sign heard;
	uint32_t probes_taken = taken;
	uint8_t payload[64];
	size_t len;

	store_le16(body.seq, seq);
	len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	cr_assert(engine_send_late(t->a.engine, t->to_b, t->kp_a, path, LANE_CONTROL + path,
	                           payload, len, NULL));
	heard = rig_await_sign(&t->to_a->path[path].probes, &probes_taken);
	rig_await_event(&t->b, PEER_EVENT_SIGNS);
	*ret_answer = rig_await_sign(&t->to_b->path[path].answers, &taken);
	rig_await_event(&t->a, PEER_EVENT_SIGNS);
	return heard;
}

/* Also that it is answered where it came in: the answer is found on the same path. */
Test(tunnel_frames, probe_is_answered_by_echo_on_its_path_with_time_and_counts)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_FAILOVER, (const uint32_t[]){2, 1});
	run_there(&t, 100); /* all on path 0 */
	for (unsigned i = 0; i < 4; i++) {
		unsigned path = i % 2, before = (path == 0 ? 100 : 0) + i / 2;
		uint32_t begin_us = (uint32_t)(clock_boot_ns() / NS_PER_US), spent_us;
		struct life_sign echo, heard;

		heard = probe(&t, path, (uint16_t)(0x1230 + i), i / 2, &echo);
		spent_us = (uint32_t)(clock_boot_ns() / NS_PER_US) - begin_us;
		cr_expect(eq(u32, heard.key, t.kp_b->local_index));
		cr_expect(eq(u32, heard.number, path));
		cr_expect(eq(u32, heard.sent, before));
		cr_expect(eq(u32, heard.heard, before)); /* no loss */
		cr_expect(eq(u32, echo.key, t.kp_a->local_index));
		cr_expect(eq(u32, echo.number, 0x1230 + i));
		cr_expect(le(u32, echo.rtt_us, spent_us));
		cr_expect(eq(u32, echo.heard, before));
		cr_expect(eq(u32, echo.sent, before));
	}
	cr_expect(eq(ptr, engine_take_notice(t.a.engine), NULL));
	cr_expect(eq(ptr, engine_take_notice(t.b.engine), NULL));
	tunnel_close(&t);
}

Test(tunnel_frames, keepalive_is_heard_and_nobody_is_told)
{
	struct tunnel t;

	tunnel_open(&t, 1, 1, BONDING_AGGREGATE, NULL);
	cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, 0, LANE_ORDERED, NULL, 0, NULL));
	rig_until(heard_on(t.to_a, 0) == 1);
	rig_until(counter_read(&t.to_a->heard_ns) != 0);
	cr_expect(eq(u64, counter_read(&t.to_a->data_rx_since_ns), 0));
	cr_expect(eq(ptr, engine_take_notice(t.b.engine), NULL));
	rig_until(counter_read(&t.to_b->path[0].tx_bytes) == TRANSPORT_OVERHEAD);
	cr_expect(eq(u64, counter_read(&t.to_a->path[0].rx_bytes), TRANSPORT_OVERHEAD));
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

Test(tunnel_frames, late_batch_to_another_place_goes_there_and_not_along_the_path)
{
	struct tunnel t;
	struct route elsewhere;
	uint8_t payload[64] = {0};
	size_t len = hello(payload);
	struct batch *r;

	tunnel_open(&t, 1, 2, BONDING_AGGREGATE, NULL);
	elsewhere = (struct route){.link = engine_link(t.a.engine, 0),
	                           .remote = engine_link(t.b.engine, 1)->bound};
	cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, 0, LANE_CONTROL, payload, len,
	                           &elsewhere));
	r = rig_await_notice(&t.b);
	cr_expect(eq(ptr, r->route.link, engine_link(t.b.engine, 1)));
	cr_expect(eq(uint, r->path_id, PATH_NONE)); /* from link 0 of a to link 1: no path yet */
	cr_expect(eq(u64, r->rx_packets, 0));
	batch_free(r);
	tunnel_close(&t);
}
