/* SPDX-License-Identifier: MIT */
/* What a frame that came in leads to: an answer, a life sign kept with the path, a notice to
 * control.
 */
#include "dataplane/frames_in.h"
#include "inbound_rig.h"

TestSuite(frames_in, .init = inbound_setup, .fini = inbound_teardown, .timeout = 60);

/* Control is told once that there is something, and finds it with the path. */
Test(frames_in, probe_is_answered_on_its_path_and_control_hears_of_it)
{
	uint32_t taken[LINKS] = {0};
	uint8_t payload[64];

	for (uint16_t i = 0; i < 6; i++) {
		unsigned path = i % 2;
		struct life_sign sign;

		send_frames(path, control_counter(3, i), payload, probe_frame(payload, i));
		expect_echo(path, i);
		sign = rig_await_sign(&peer->path[path].probes, &taken[path]);
		rig_await_event(&ours, PEER_EVENT_SIGNS);
		cr_expect(eq(u32, sign.key, INDEX_HERE));
		cr_expect(eq(u32, sign.number, 3));
		cr_expect(eq(u32, sign.sent, 7));
		cr_expect(eq(u32, sign.heard, i / 2));
	}
	expect_no_notice();
	expect_only(DROP_REASON_COUNT, 0);
}

/* In mode redundant all that comes over the slower path are copies. */
Test(frames_in, copies_are_not_lost)
{
	uint32_t taken = 0;
	uint8_t payload[64];

	for (uint32_t i = 1; i <= 3; i++) {
		send_seq(0, i, i);
		expect_seq(i);
		send_seq(1, i, i);
		rig_until(drops(DROP_REPLAY) == i);
	}
	send_frames(1, control_counter(3, 0), payload, probe_frame(payload, 0));
	cr_expect(eq(u32, rig_await_sign(&peer->path[1].probes, &taken).heard, 3));
}

Test(frames_in, answer_is_kept_with_the_path_it_is_about_and_came_on)
{
	struct life_sign sign;
	uint32_t taken = 0;

	send_answer(0, 0, 1, 5);
	send_answer(0, 1, 0, 6);
	sign = rig_await_sign(&peer->path[0].answers, &taken);
	cr_expect(eq(u32, sign.number, 6));
	cr_expect(eq(u32, sign.key, INDEX_HERE));
	cr_expect(eq(u32, sign.rtt_us, 0));
	cr_expect(eq(u32, sign.sent, 12));
	cr_expect(eq(u32, sign.heard, 11));
	taken = 0;
	cr_expect(not(signs_take(&peer->path[1].answers, &taken, &sign)));
	expect_no_notice();
}

Test(frames_in, probe_from_an_unknown_origin_is_told_and_not_answered)
{
	struct endpoint stranger_at;
	int stranger = rig_far_socket("127.0.0.1:0", &stranger_at);
	uint8_t payload[64], datagram[RIG_DATAGRAM];
	struct batch *r;
	size_t len;

	len = rig_seal(datagram, INDEX_HERE, control_counter(3, 0), payload,
	               probe_frame(payload, 1));
	rig_send(stranger, &here[0], datagram, len);
	r = rig_await_notice(&ours);
	cr_expect(eq(uint, r->path_id, PATH_NONE));
	cr_expect(endpoint_equal(&r->route.remote, &stranger_at));
	cr_expect(eq(ptr, r->route.link, engine_link(ours.engine, 0)));
	cr_expect(eq(ptr, r->keypair, kp));
	batch_free(r);
	/* An answer would have left before that of a later probe over another path. */
	send_frames(0, control_counter(3, 1), payload, probe_frame(payload, 2));
	expect_echo(0, 2);
	cr_expect(not(rig_is_readable(stranger, 0)));
	close(stranger);
}

Test(frames_in, frames_from_a_plain_peer_are_no_packets)
{
	uint8_t payload[64];
	size_t len = probe_frame(payload, 1);

	atomic_store(&peer->frames_allowed, false);
	send_payload(0, control_counter(3, 0), payload, len);
	send_payload(0, 0, payload, len);
	flush();
	expect_only(DROP_INNER_MALFORMED, 2);
	expect_no_notice();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

/* All or nothing: the probe before the bad frame is not answered either. */
Test(frames_in, payload_with_one_bad_frame_is_dropped_whole)
{
	static const char *const bad[] = {
		"b1",
		"b10a",
		"b10a0c",
		"b10a0c00",
		"b10a0c000000000000000000000000",
		"b10a0b000000000000000000000000", /* GOODBYE with a body of 11 */
		"45",
		"b1030000",
	};
	uint8_t payload[64];
	size_t len = probe_frame(payload, 1);

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t more = bytes_from_hex(payload + len, bad[i]);

		send_payload(0, control_counter(3, i), payload, len + more);
	}
	flush();
	expect_only(DROP_FRAME_MALFORMED, sizeof bad / sizeof *bad);
	expect_no_notice();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

Test(frames_in, unknown_frame_is_counted_and_those_beside_it_are_heeded)
{
	uint8_t payload[64], body[20] = {1, 2, 3}, hello[16] = {1};
	size_t len = frame_append(payload, 0, sizeof payload, (enum frame_type)99, body, 3);
	uint32_t taken = 0;
	struct frame_probe probe = {.path_id = 3, .seq = {7, 0}, .t_tx_us = {1, 2, 3, 4}};
	struct batch *r;

	len = frame_append(payload, len, sizeof payload, FRAME_PROBE, &probe, sizeof probe);
	len = frame_append(payload, len, sizeof payload, (enum frame_type)9, body, 0);
	send_payload(0, control_counter(3, 0), payload, len);
	expect_echo(0, 7);
	rig_await_sign(&peer->path[0].probes, &taken);
	len = frame_append(payload, len, sizeof payload, FRAME_HELLO, hello, sizeof hello);
	send_payload(0, control_counter(3, 1), payload, len);
	expect_echo(0, 7);
	r = rig_await_notice(&ours);
	ASSERT_BYTES(segment_payload(r, &r->segment[0]), payload, len);
	batch_free(r);
	expect_only(DROP_FRAME_UNKNOWN, 4);
}

/* What is in it is control's to check. */
Test(frames_in, link_state_and_its_acknowledgement_are_control_s)
{
	static const enum frame_type types[] = {FRAME_LINK_STATE, FRAME_LINK_STATE_ACK};
	uint8_t payload[64], body[8] = {1};
	struct batch *r;

	for (unsigned i = 0; i < 2; i++) {
		size_t len = frame_append(payload, 0, sizeof payload, types[i], body, sizeof body);

		send_payload(0, control_counter(3, i), payload, len);
		r = rig_await_notice(&ours);
		ASSERT_BYTES(segment_payload(r, &r->segment[0]), payload, len);
		batch_free(r);
	}
	expect_only(DROP_REASON_COUNT, 0);
}

/* A body longer than we know is read as far as it is known. */
Test(frames_in, probe_of_a_later_version_is_answered)
{
	uint8_t payload[64], body[30] = {3, 0, 9, 0, 1, 2, 3, 4};
	uint32_t taken = 0;
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, body, sizeof body);

	send_payload(0, control_counter(3, 0), payload, len);
	expect_echo(0, 9);
	rig_await_sign(&peer->path[0].probes, &taken);
}

/* A peer may send what it likes: the newest signs of its paths are there, and nobody has lost a
 * notice.
 */
Test(frames_in, newest_life_signs_are_kept_while_nobody_takes_them)
{
	uint8_t payload[64];
	struct life_sign sign;
	uint32_t taken = 0;

	for (uint16_t i = 0; i < 100; i++) {
		send_frames(0, control_counter(3, 2 * i), payload, probe_frame(payload, i));
		expect_echo(0, i);
		send_answer(0, 2 * i + 1, 0, i);
	}
	flush();
	for (unsigned i = 0; i < SIGNS_KEPT; i++) {
		cr_assert(signs_take(&peer->path[0].answers, &taken, &sign), "%u", i);
		cr_expect(eq(u32, sign.number, 100 - SIGNS_KEPT + i));
	}
	cr_expect(not(signs_take(&peer->path[0].answers, &taken, &sign)));
	expect_no_notice();
	expect_only(DROP_REASON_COUNT, 0);
}

/* The queue is full of this peer's own: its life signs pass all the same. */
Test(frames_in, life_signs_need_no_place_among_notices)
{
	uint8_t payload[64];
	uint32_t taken = 0;

	for (uint16_t i = 0; i < 3 * NOTICES_MAX; i++)
		send_payload(0, control_counter(3, i), payload, hello_frame(payload));
	flush();
	send_frames(0, control_counter(3, 3 * NOTICES_MAX), payload, probe_frame(payload, 1));
	expect_echo(0, 1);
	rig_await_sign(&peer->path[0].probes, &taken);
	send_answer(0, 3 * NOTICES_MAX + 1, 0, 8);
	taken = 0;
	cr_expect(eq(u32, rig_await_sign(&peer->path[0].answers, &taken).number, 8));
	expect_only(DROP_CONTROL_BUSY, 3 * NOTICES_MAX - NOTICES_PER_PEER);
	cr_expect(eq(uint, free_notices(), NOTICES_PER_PEER));
	/* And there is room again for as many. */
	send_payload(0, control_counter(3, 1000), payload, hello_frame(payload));
	batch_free(rig_await_notice(&ours));
}

/* Two probes in one datagram get one answer, and one that is shorter than its answer gets none. */
Test(frames_in, answers_are_no_longer_than_what_they_answer)
{
	uint8_t payload[128] = {0};
	size_t len = probe_frame(payload, 1);
	uint32_t taken = 0;

	send_payload(0, control_counter(3, 0), payload, len);
	send_payload(0, control_counter(3, 1), payload, len + 7);
	rig_await_sign(&peer->path[0].probes, &taken);
	rig_await_sign(&peer->path[0].probes, &taken);
	rig_until(drops(DROP_ANSWER_LIMITED) == 2);
	send_payload(0, control_counter(3, 2), payload, len + 8);
	expect_echo(0, 1);
	len += probe_frame(payload + len, 2);
	send_payload(0, control_counter(3, 3), payload, 2 * len);
	expect_echo(0, 2);
	flush();
	cr_expect(not(rig_is_readable(far[0], 0)));
}

/* What is left of the datagram's weight goes to control with the notice. */
Test(frames_in, notice_tells_what_answers_may_weigh)
{
	uint8_t payload[64];
	struct frame_probe probe = {.path_id = 3};
	size_t len = hello_frame(payload);
	struct batch *r;

	send_payload(0, control_counter(3, 0), payload, len);
	r = rig_await_notice(&ours);
	cr_expect(eq(u32, r->answer_bytes, len + TRANSPORT_OVERHEAD));
	batch_free(r);
	len = frame_append(payload, len, 64, FRAME_PROBE, &probe, sizeof probe);
	send_payload(0, control_counter(3, 1), payload, len);
	r = rig_await_notice(&ours);
	cr_expect(eq(u32, r->answer_bytes, len + TRANSPORT_OVERHEAD - 64));
	batch_free(r);
}

/* ---- by hand, without threads ---- */

/* A datagram came from the peer over path 0 at this moment; there is none in the batch. */
static void arrive(struct batch *b, struct frames_origin *from)
{
	b->peer = peer;
	b->keypair = kp;
	b->route = (struct route){.link = engine_link(ours.engine, 0), .remote = far_at[0]};
	b->time_ns = clock_boot_ns();
	*from = (struct frames_origin){.b = b, .path_id = 0, .heard = 5};
}

static struct dp_thread *ended_worker(void)
{
	return &ours.engine->work.worker[0].self;
}

static void take(const struct frames_origin *from, const void *payload, size_t len,
                 struct probe_in *newest)
{
	frames_in_take(ended_worker(), from, payload, len, 0, newest);
}

/* The peer tells how long it held the probe. What makes no sense is no round trip. */
Test(frames_in, round_trip_is_without_the_time_that_the_probe_was_held)
{
	static const struct {
		uint32_t ago_us, held_us, rtt_us;
	} cases[] = {{5000, 1200, 3800},     {5000, 0, 5000},         {5000, 5000, 0},
	             {5000, 5001, 0},        {60000000, 0, 60000000}, {60000001, 0, 0},
	             {60000001, 1, 60000000}};
	struct frames_origin from;
	static struct batch b;
	uint32_t taken = 0;

	engine_stop(ours.engine);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct frame_echo body = {.path_id = 0};
		struct probe_in newest = {0};
		struct life_sign sign;
		uint8_t payload[64];
		size_t len;

		arrive(&b, &from);
		store_le32(body.t_tx_us, (uint32_t)(b.time_ns / NS_PER_US) - cases[i].ago_us);
		store_le32(body.hold_us, cases[i].held_us);
		len = frame_append(payload, 0, sizeof payload, FRAME_ECHO, &body, sizeof body);
		take(&from, payload, len, &newest);
		cr_assert(signs_take(&peer->path[0].answers, &taken, &sign));
		cr_expect(eq(u32, sign.rtt_us, cases[i].rtt_us), "case %u", i);
	}
}

/* A newer session took its place long ago, so what comes under it says nothing of now. */
Test(frames_in, under_a_superseded_session_nothing_is_a_life_sign)
{
	struct probe_in newest = {0};
	struct frames_origin from;
	static struct batch b;
	struct life_sign sign;
	uint8_t payload[64] = {0};
	uint32_t taken = 0;
	size_t len = probe_frame(payload, 1);

	engine_stop(ours.engine);
	arrive(&b, &from);
	atomic_store(&kp->superseded_ns, b.time_ns - KEYPAIR_OVERLAP_NS);
	take(&from, payload, len + 8, &newest);
	cr_expect(eq(ptr, (void *)newest.body, NULL));
	cr_expect(not(signs_take(&peer->path[0].probes, &taken, &sign)));
	take(&from, payload, hello_frame(payload), &newest);
	cr_expect(eq(uint, free_notices(), 1)); /* control knows its sessions */
	expect_only(DROP_REASON_COUNT, 0);
}

/* A link on all addresses, and a path whose own address is known: control is to hear of another
 * one.
 */
Test(frames_in, probe_to_another_address_of_ours_is_told)
{
	struct probe_in newest = {0};
	struct frames_origin from;
	static struct batch b;
	uint8_t payload[64] = {0};
	size_t len = probe_frame(payload, 1) + 8;
	struct route route;

	engine_stop(ours.engine);
	engine_link(ours.engine, 0)->is_wildcard = true;
	arrive(&b, &from);
	route = b.route;
	cr_assert(eq(int, endpoint_parse("127.0.0.5:0", 0, &route.local), 0));
	cr_assert(eq(int, engine_publish_target(peer, 0, &route), 0));
	b.route.local = route.local;
	take(&from, payload, len, &newest);
	cr_expect(eq(uint, free_notices(), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.6:0", 0, &b.route.local), 0));
	take(&from, payload, len, &newest);
	cr_expect(eq(uint, free_notices(), 1));
	route.local = (struct endpoint){0}; /* the system chooses: it follows by itself */
	cr_assert(eq(int, engine_publish_target(peer, 0, &route), 0));
	take(&from, payload, len, &newest);
	cr_expect(eq(uint, free_notices(), 0));
}

/* ---- probes of a path's MTU ---- */

static size_t whole_frame(uint8_t payload[static 64], uint16_t seq)
{
	size_t len = probe_frame(payload, seq);

	payload[5] = PROBE_WHOLE;
	return len;
}

static struct frame_echo next_echo(void)
{
	uint8_t payload[RIG_DATAGRAM];
	struct frame_echo echo;
	uint64_t counter;

	rig_unseal(far[0], INDEX_THERE, &counter, payload);
	cr_assert(eq(u8, payload[1], FRAME_ECHO));
	memcpy(&echo, payload + FRAME_HEADER_LEN, sizeof echo);
	return echo;
}

/* It tells nothing of delay and loss: no sign of it is kept, and it does not count as heard. */
Test(frames_in, a_probe_of_the_mtu_is_answered_and_counts_for_nothing_else)
{
	uint8_t payload[64];
	struct frame_echo echo;
	uint32_t taken = 0;

	for (uint16_t i = 0; i < 3; i++) {
		send_frames(0, control_counter(3, 2 * i), payload, whole_frame(payload, 70 + i));
		echo = next_echo();
		cr_expect(eq(u8, echo.flags, PROBE_WHOLE));
		cr_expect(eq(u32, load_le16(echo.seq), 70u + i));
		send_frames(0, control_counter(3, 2 * i + 1), payload, probe_frame(payload, i));
		echo = next_echo();
		cr_expect(eq(u8, echo.flags, 0));
		cr_expect(eq(u32, load_le32(echo.rx_packets), i), "ordinary ones alone");
		rig_await_sign(&peer->path[0].probes, &taken);
	}
	cr_expect(eq(u32, signs_written(&peer->path[0].probes), 3));
}

Test(frames_in, an_answer_to_a_probe_of_the_mtu_is_told_from_others)
{
	struct frame_echo echo = {.path_id = 0, .flags = PROBE_WHOLE, .seq = {7, 1}};
	uint8_t payload[64];
	uint32_t taken = 0;
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_ECHO, &echo, sizeof echo);

	send_frames(0, control_counter(0, 0), payload, len);
	cr_expect(
		eq(u32, rig_await_sign(&peer->path[0].answers, &taken).number, SIGN_WHOLE | 0x107));
	send_answer(0, 1, 0, 0x107);
	cr_expect(eq(u32, rig_await_sign(&peer->path[0].answers, &taken).number, 0x107));
}

/* Received together, the newest of each kind is answered: neither takes the place of the other. */
Test(frames_in, an_ordinary_probe_is_answered_beside_one_of_the_mtu)
{
	struct probe_in newest = {0}, whole = {0};
	uint8_t first[64] = {0}, second[64] = {0};
	struct frames_origin from;
	static struct batch b;

	engine_stop(ours.engine);
	arrive(&b, &from);
	from.whole = &whole;
	take(&from, first, probe_frame(first, 5) + 8, &newest);
	take(&from, second, whole_frame(second, 9) + 8, &newest);
	cr_assert(ne(ptr, (void *)newest.body, NULL));
	cr_assert(ne(ptr, (void *)whole.body, NULL));
	cr_expect(eq(u32, load_le16(newest.body->seq), 5));
	cr_expect(eq(u32, load_le16(whole.body->seq), 9));
	expect_only(DROP_REASON_COUNT, 0);
}
