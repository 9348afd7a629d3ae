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

/* Its batches have no bytes of their own. */
Test(late, dispatcher_makes_one_of_its_chunks)
{
	struct dp_thread *self = &ours.engine->dispatcher[0].self;
	uint8_t longest[LATE_LEN_MAX], payload[RIG_DATAGRAM];
	uint64_t counter;

	memset(longest, 7, sizeof longest);
	begin_session(true, 0);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = i ? LATE_LEN_MAX : 1;
		struct batch *b = late_make(self, peer, kp, 0, LANE_CONTROL, longest, len, NULL, 0);

		cr_assert(ne(ptr, b, NULL));
		cr_expect(eq(ptr, b->home, &self->pool));
		cr_assert(ne(ptr, b->chunk, NULL));
		work_run(self, b);
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload),
		             i ? LATE_LEN_MAX : PADDING_MULTIPLE));
		ASSERT_BYTES(payload, longest, len);
		cr_expect(eq(u64, counter, (uint64_t)LANE_CONTROL << LANE_SHIFT | i));
	}
	cr_expect(eq(uint, chunk_pool_in_use(&self->pool.chunks), 0));
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

/* ---- by hand ---- */

/* In lane @lane of path 0, not in its order, made at @time_ns. */
static struct batch *make_late(unsigned lane, const void *payload, size_t len, uint64_t time_ns)
{
	struct batch *b = batch_get(&ours.engine->control.pool);
	struct segment *seg = batch_append(b, ours.engine->control.pool.stride);

	b->kind = BATCH_LATE;
	b->path_id = 0;
	b->peer = dp_peer_get(peer);
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	b->lane = (uint8_t)lane;
	b->time_ns = time_ns;
	memcpy(segment_payload(b, seg), payload, len);
	seg->len = (uint16_t)len;
	return b;
}

/* What it says when it leaves at @now_ns, under the next counter of @lane. */
static void seal_at(unsigned lane, const void *payload, size_t len, uint64_t time_ns,
                    uint64_t now_ns, uint8_t said[static RIG_DATAGRAM])
{
	struct batch *b = make_late(lane, payload, len, time_ns);
	const struct segment *seg = &b->segment[0];
	uint64_t counter = atomic_load(&kp->sent[lane]) | (uint64_t)lane << LANE_SHIFT;
	uint8_t key[KEY_LEN];

	memset(key, INDEX_THERE, sizeof key);
	cr_assert(late_seal(&ours.engine->control, b, now_ns));
	cr_assert(aead_open(said, segment_payload(b, seg), seg->len - TRANSPORT_HEADER_LEN, NULL, 0,
	                    counter, key));
	batch_free(b);
}

/* What stood there before is not what is sent. */
Test(late, probe_and_echo_tell_of_the_moment_they_leave)
{
	uint64_t now_ns = clock_boot_ns() + NS_PER_S;
	uint8_t frame[64], said[RIG_DATAGRAM];
	struct frame_probe probe = {.path_id = 9, .seq = {1, 2}};
	struct frame_echo echo = {.path_id = 9, .seq = {3, 4}};
	size_t len;

	begin_session(true, 0);
	counter_add(&peer->path[0].tx_packets, 77);
	memset(probe.t_tx_us, 0xee, sizeof probe.t_tx_us);
	memset(probe.tx_packets, 0xee, sizeof probe.tx_packets);
	len = frame_append(frame, 0, sizeof frame, FRAME_PROBE, &probe, sizeof probe);
	seal_at(LANE_CONTROL, frame, len, now_ns - NS_PER_S, now_ns, said);
	store_le32(probe.t_tx_us, (uint32_t)(now_ns / NS_PER_US));
	store_le32(probe.tx_packets, 77);
	ASSERT_BYTES(said + FRAME_HEADER_LEN, &probe, sizeof probe);

	memset(echo.hold_us, 0xee, sizeof echo.hold_us);
	len = frame_append(frame, 0, sizeof frame, FRAME_ECHO, &echo, sizeof echo);
	seal_at(LANE_CONTROL, frame, len, now_ns, now_ns + 1234 * NS_PER_US, said);
	store_le32(echo.hold_us, 1234);
	ASSERT_BYTES(said + FRAME_HEADER_LEN, &echo, sizeof echo);
}

/* Other frames, and what is shorter than a probe. */
Test(late, what_tells_no_time_leaves_as_it_is)
{
	uint8_t frame[64], said[RIG_DATAGRAM], body[40];
	uint64_t now_ns = clock_boot_ns() + NS_PER_S;
	size_t len;

	begin_session(true, 0);
	memset(body, 0xee, sizeof body);
	len = frame_append(frame, 0, sizeof frame, FRAME_HELLO, body, sizeof body);
	seal_at(LANE_CONTROL, frame, len, now_ns, now_ns, said);
	ASSERT_BYTES(said, frame, len);
	for (len = 1; len < FRAME_HEADER_LEN + sizeof(struct frame_probe); len++) {
		frame_append(frame, 0, sizeof frame, FRAME_PROBE, body, sizeof body);
		seal_at(LANE_CONTROL, frame, len, now_ns, now_ns, said);
		ASSERT_BYTES(said, frame, len);
	}
}

/* Nothing is made, and nothing kept of keypair and peer. */
Test(late, without_memory_nothing_is_made)
{
	struct dp_thread *self = &ours.engine->control;
	struct batch *list = NULL, *b;

	begin_session(true, 0);
	while ((b = batch_get(&self->pool))) {
		b->next = list;
		list = b;
	}
	cr_expect(eq(ptr, late_make(self, peer, kp, 0, LANE_CONTROL, "", 0, NULL, 0), NULL));
	expect_only(DROP_POOL_EMPTY, 1);
	cr_expect(eq(uint, reference_count(&peer->references), 1));
	while ((b = list)) {
		list = b->next;
		batch_free(b);
	}
}

/* ---- probes of a path's MTU ---- */

static void send_whole(uint16_t seq, size_t len)
{
	struct frame_probe body = {.path_id = 0, .flags = PROBE_WHOLE};
	uint8_t payload[FRAMES_LEN_MAX] = {0};

	store_le16(body.seq, seq);
	frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	cr_assert(engine_send_late(ours.engine, peer, kp, 0, LANE_CONTROL, payload, len, NULL));
}

Test(late, a_probe_of_the_mtu_is_as_long_as_data)
{
	static const size_t lens[] = {1280, 1296, RIG_MTU};
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&ours);
	for (unsigned i = 0; i < 3; i++) {
		send_whole((uint16_t)i, lens[i]);
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), lens[i]));
		cr_expect(eq(u8, payload[5], PROBE_WHOLE));
	}
}

/* Else a loss of one would be one of the path. */
Test(late, probes_of_the_mtu_are_not_counted_as_sent_before_others)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&ours);
	for (unsigned i = 0; i < 3; i++) {
		send_whole((uint16_t)i, 1280);
		rig_unseal(far[0], INDEX_THERE, &counter, payload);
		cr_assert(send_probe());
		rig_unseal(far[0], INDEX_THERE, &counter, payload);
		cr_expect(eq(u32, load_le32(payload + 4 + 8), i));
	}
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 6), "people see them");
}

Test(late, only_a_probe_with_its_flag_is_whole)
{
	struct frame_probe body = {.flags = PROBE_WHOLE};
	uint8_t payload[64];
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);

	cr_expect(late_is_whole(payload, len));
	cr_expect(not(late_is_whole(payload, len - 1)));
	payload[1] = FRAME_ECHO;
	cr_expect(not(late_is_whole(payload, len)));
	payload[1] = FRAME_PROBE;
	payload[5] = PROBE_MEASURES;
	cr_expect(not(late_is_whole(payload, len)));
	payload[5] = PROBE_WHOLE;
	payload[0] = 0x45;
	cr_expect(not(late_is_whole(payload, len)));
	cr_expect(not(late_is_whole(NULL, 0)));
}
