/* SPDX-License-Identifier: MIT */
/* What control is told of: handshake messages among data, data among those, and frames; see
 * rx_rig.h.
 */
#include "rx_rig.h"

TestSuite(link_rx_control, .init = rx_setup, .fini = rx_teardown, .timeout = 60);

static struct train train; /* filled and sent again and again */

/* ---- handshake messages among data ---- */

static const struct {
	enum message_type type;
	size_t len;
} handshakes[] = {{MESSAGE_INITIATION, sizeof(struct message_initiation)},
                  {MESSAGE_RESPONSE, sizeof(struct message_response)},
                  {MESSAGE_COOKIE_REPLY, sizeof(struct message_cookie_reply)}};

/* A notice of the handshake message @want of @len bytes, from peer 0. */
static void expect_handshake(const uint8_t *want, size_t len)
{
	struct batch *r = rig_await_handshake(&rx.end);

	cr_assert(eq(int, r->kind, BATCH_HANDSHAKE));
	cr_assert(eq(uint, r->len, 1));
	cr_assert(eq(sz, r->segment[0].len, len));
	ASSERT_BYTES(segment_header(r, &r->segment[0]), want, len);
	cr_expect(eq(ptr, r->route.link, engine_link(rx.end.engine, 0)));
	cr_expect(endpoint_equal(&r->route.remote, &rx.far_at[0]));
	batch_free(r);
}

Test(link_rx_control, handshake_message_behind_data_in_a_train_reaches_control)
{
	rig_start(&rx.end);
	for (unsigned i = 0; i < sizeof handshakes / sizeof *handshakes; i++) {
		uint8_t want[DATAGRAM];

		train_add_many(&train, 0, 0, 1 + 20 * i);
		train_add_other(&train, handshakes[i].type, handshakes[i].len);
		memcpy(want, train.bytes + train.len - handshakes[i].len, handshakes[i].len);
		train_send(0, &train);
		expect_handshake(want, handshakes[i].len);
	}
	rx_expect_all();
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx_control, message_of_a_length_that_its_type_has_not_is_dropped)
{
	unsigned count = 0;

	rig_start(&rx.end);
	for (unsigned i = 0; i < sizeof handshakes / sizeof *handshakes; i++) {
		for (size_t more = 0; more <= 2; more += 2) {
			train_add_many(&train, 0, 0, 2);
			train_add_other(&train, handshakes[i].type, handshakes[i].len - 1 + more);
			train_send(0, &train);
			count++;
		}
	}
	rx_expect_all();
	rx_expect_drops(DROP_MALFORMED, count);
	cr_expect(eq(ptr, engine_take_handshake(rx.end.engine), NULL));
}

/* All but one of a pool's batches, linked by their next. */
static struct batch *take_all_but_one(struct batch_pool *pool)
{
	struct batch *list = NULL, *b;

	while ((b = batch_get(pool))) {
		b->next = list;
		list = b;
	}
	b = list;
	list = b->next;
	batch_free(b);
	return list;
}

static void free_all(struct batch *list)
{
	for (struct batch *b; (b = list);) {
		list = b->next;
		batch_free(b);
	}
}

/* By hand: the RX thread has ended. Its last batch is the one that the train lands in. */
Test(link_rx_control, handshake_message_without_memory_for_it_is_no_malformed_one)
{
	struct link *link = engine_link(rx.end.engine, 0);
	struct batch *list;

	rig_start(&rx.end);
	engine_stop(rx.end.engine);
	cr_assert(eq(int, link_rx_init(link), 0));
	list = take_all_but_one(&link->rx.pool);
	train_add_stranger(&train, 0x7777);
	train_add_other(&train, MESSAGE_INITIATION, sizeof(struct message_initiation));
	train_send(0, &train);
	cr_assert(rig_is_readable(link->data_fd, RIG_WAIT_MS));
	link_rx_stand_in(link);
	cr_expect(eq(u64, rx_drops(DROP_UNKNOWN_INDEX), 1));
	cr_expect(eq(u64, rx_drops(DROP_POOL_EMPTY), 1));
	cr_expect(eq(u64, rx_drops(DROP_MALFORMED), 0));
	free_all(list);
}

/* ---- frames ---- */

static uint8_t frames[UDP_PAYLOAD_MAX];

/* @len bytes of payload from peer 0 that are one frame for control, longer than we know it. */
static void send_hello(size_t len)
{
	static uint8_t body[UDP_PAYLOAD_MAX];
	uint32_t seq = rx.next_seq[0][0]++;

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i % 251 + 1);
	frame_append(frames, 0, sizeof frames, FRAME_HELLO, body, len - FRAME_HEADER_LEN);
	train.len = rig_seal(train.bytes, rx_index(0, 0), seq, frames, len);
	train.datagrams = 1;
	rx.is_lost[0][0][seq] = true; /* no packet */
	train_send_from(rx.far[0], &train, train.len);
}

static void expect_notice(size_t len)
{
	struct batch *r = rig_await_notice(&rx.end);

	cr_assert(eq(int, r->kind, BATCH_NOTICE));
	cr_assert(eq(uint, r->len, 1));
	cr_assert(eq(sz, r->segment[0].len, len));
	ASSERT_BYTES(segment_payload(r, &r->segment[0]), frames, len);
	batch_free(r);
}

/* Another peer's packet behind them in the same reception makes the RX thread hand them over, so
 * that the notice would have to fit the smaller batches of a worker.
 */
static void start_with_frames_handed_over(void)
{
	rx.end.engine->work.hand_over = true;
	atomic_store(&rx.peer[0]->frames_allowed, true);
	train_add_many(&train, 1, 0, 1);
	train_send(1, &train);
	rig_start(&rx.end);
	rx_take_packet();
}

Test(link_rx_control, frames_longer_than_a_notice_are_malformed_and_harm_nobody)
{
	const struct link *link = engine_link(rx.end.engine, 0);
	const size_t lens[] = {FRAMES_LEN_MAX + 1, 60000, UDP_PAYLOAD_MAX - TRANSPORT_OVERHEAD};

	for (unsigned i = 0; i < 3; i++)
		send_hello(lens[i]);
	start_with_frames_handed_over();
	rig_until(rx_drops(DROP_FRAME_MALFORMED) == 3);
	cr_expect(eq(u64, counter_read(&link->rx.drops[DROP_FRAME_MALFORMED]), 0),
	          "all by workers");
	train_add_many(&train, 0, 0, 1);
	train_send(0, &train);
	rx_take_packet();
	rx_expect_drops(DROP_FRAME_MALFORMED, 3);
	cr_expect(eq(ptr, engine_take_notice(rx.end.engine), NULL));
}

Test(link_rx_control, frames_as_long_as_a_notice_reach_control_whole)
{
	send_hello(FRAMES_LEN_MAX);
	start_with_frames_handed_over();
	expect_notice(FRAMES_LEN_MAX);
	rx_expect_drops(DROP_REASON_COUNT, 0);
}

/* Strangers can send them at will: what control does not take is dropped before notices suffer. */
Test(link_rx_control, handshake_messages_nobody_takes_leave_room_for_notices)
{
	enum {
		MORE = 5,
		LEN = sizeof(struct message_initiation)
	};
	uint8_t want[LEN];

	atomic_store(&rx.peer[0]->frames_allowed, true);
	rig_start(&rx.end);
	for (unsigned i = 0; i < HANDSHAKES_MAX + MORE; i++) {
		train_add_many(&train, 0, 0, 1);
		train_add_other(&train, MESSAGE_INITIATION, LEN);
		memcpy(want, train.bytes + train.len - LEN, LEN);
		train_send(0, &train);
	}
	for (unsigned i = 0; i < HANDSHAKES_MAX + MORE; i++)
		rx_take_packet();
	rig_until(rx_drops(DROP_CONTROL_BUSY) == MORE);
	send_hello(100);
	expect_notice(100);
	for (unsigned i = 0; i < HANDSHAKES_MAX; i++)
		expect_handshake(want, LEN);
	train_add_many(&train, 0, 0, 1); /* there is room again */
	train_add_other(&train, MESSAGE_INITIATION, LEN);
	train_send(0, &train);
	expect_handshake(want, LEN);
	rx_take_packet();
	cr_expect(eq(u64, rx_drops(DROP_CONTROL_BUSY), MORE));
}

/* ---- data among handshake messages ---- */

/* Such a train is steered to the handshake socket. */
Test(link_rx_control, data_behind_a_handshake_message_in_a_train_is_taken_in)
{
	struct link *link = engine_link(rx.end.engine, 0);
	uint8_t payload[64], want[256], got[RIG_DATAGRAM];
	size_t len, handshake = sizeof(struct message_initiation);
	struct link_message m;

	rig_start(&rx.end);
	train_add_other(&train, MESSAGE_INITIATION, handshake);
	rig_packet(payload, 4, THERE, HERE, 0, sizeof payload);
	train.len += rig_seal(train.bytes + train.len, rx_index(0, 0), 0, payload, sizeof payload);
	len = train.len;
	memcpy(want, train.bytes, len);
	train_send_from(rx.far[0], &train, handshake);

	cr_assert(rig_is_readable(link->handshake_fd, RIG_WAIT_MS));
	cr_assert(eq(int, link_receive_handshakes(link, &m), 0));
	cr_assert(eq(uint, m.len, len));
	cr_assert(eq(uint, m.step, handshake));
	ASSERT_BYTES(m.at, want, len);
	cr_expect(eq(ptr, m.route.link, link));
	cr_expect(endpoint_equal(&m.route.remote, &rx.far_at[0]));
	engine_receive(rx.end.engine, &m.route, m.at + m.step, m.len - m.step);
	cr_expect(eq(int, link_receive_handshakes(link, &m), -EAGAIN));
	cr_assert(eq(sz, rig_read(&rx.end, got), sizeof payload));
	ASSERT_BYTES(got, payload, sizeof payload);
	rig_until(counter_read(&rx.peer[0]->path[0].rx_packets) == 1);
	rx_expect_drops(DROP_REASON_COUNT, 0);
}
