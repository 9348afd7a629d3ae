/* SPDX-License-Identifier: MIT */
/* Trains on the way in: the test's sockets send them with UDP_SEGMENT, the engine's link receives
 * them in one piece (UDP_GRO), and what comes out at the device tells whether they were taken apart
 * well.
 */
#include <netinet/udp.h>

#include "dataplane/link_rx.h"
#include "engine_rig.h"

enum {
	PEERS = 2, /* each plays a host of its own from a socket of its own */
	HERE = 1,
	THERE = 2,
	SECOND = 2,      /* of a peer's two keypairs */
	SEQS_MAX = 3000, /* packets of one keypair */
	PACKET = 200,
	DATAGRAM = 208 + TRANSPORT_OVERHEAD,
};

static struct rig_end end;
static struct dp_peer *peer[PEERS];
static struct keypair *kp[PEERS][SECOND];
static int far[PEERS];
static struct endpoint far_at[PEERS], here;
static uint32_t next_seq[PEERS][SECOND];      /* to be sent, and so the counter */
static bool is_lost[PEERS][SECOND][SEQS_MAX]; /* sent so that it must not arrive */
static uint32_t next_come[PEERS][SECOND], came[PEERS];
static uint64_t sent_packets, sent_bytes; /* by all */

static uint32_t index_of(unsigned who, unsigned which)
{
	return 0x11 + 0x10 * who + which;
}

static void setup(void)
{
	uint64_t now_ns = clock_boot_ns();

	rig_setup();
	rig_create(&end, 2, 1, "127.0.0.1:0");
	here = engine_link(end.engine, 0)->bound;
	cr_assert(engine_link(end.engine, 0)->has_gro);
	for (unsigned i = 0; i < PEERS; i++) {
		peer[i] = engine_create_peer(end.engine, NULL);
		atomic_store(&peer[i]->followed_path, PATH_ANY);
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer[i], 0, 0, &far_at[i]);
		for (unsigned k = 0; k < SECOND; k++)
			kp[i][k] = rig_keypair(&end, peer[i], false, index_of(i, k),
			                       0x81 + index_of(i, k), now_ns);
	}
	rig_publish_allowedips(&end, peer, THERE, PEERS);
}

static void teardown(void)
{
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	for (unsigned i = 0; i < PEERS; i++) {
		rig_drop_keypair(&end, kp[i][1]);
		rig_strip_peer(&end, peer[i], kp[i][0]);
	}
	rig_destroy(&end);
	for (unsigned i = 0; i < PEERS; i++) {
		rig_put_peer(peer[i]);
		close(far[i]);
	}
	rig_teardown();
}

TestSuite(link_rx, .init = setup, .fini = teardown, .timeout = 60);

/* ---- trains that are being made ---- */

struct train {
	uint8_t bytes[65536];
	size_t len;
	unsigned datagrams;
};

/* The next packet of a keypair, of DATAGRAM bytes; @fault is xored into its last byte. */
static void add(struct train *t, unsigned who, unsigned which, uint8_t fault)
{
	uint32_t seq = next_seq[who][which]++;
	uint8_t payload[DATAGRAM - TRANSPORT_OVERHEAD] = {0};

	cr_assert(lt(u32, seq, SEQS_MAX));
	rig_packet(payload, 4, THERE + who, HERE, seq | which << 16, PACKET);
	t->len += rig_seal(t->bytes + t->len, index_of(who, which), seq, payload, sizeof payload);
	t->bytes[t->len - 1] ^= fault;
	is_lost[who][which][seq] = fault;
	t->datagrams++;
}

static void add_many(struct train *t, unsigned who, unsigned which, unsigned count)
{
	while (count--)
		add(t, who, which, 0);
}

/* As long as the others, and begins like transport data for @index. */
static void add_stranger(struct train *t, uint32_t index)
{
	uint8_t *at = t->bytes + t->len;

	memset(at, 7, DATAGRAM);
	store_le32(at, MESSAGE_TRANSPORT);
	store_le32(at + 4, index);
	t->len += DATAGRAM;
	t->datagrams++;
}

/* Shorter than the others, so only at the end. */
static void add_runt(struct train *t, size_t len)
{
	memset(t->bytes + t->len, 0, len);
	t->bytes[t->len] = MESSAGE_TRANSPORT;
	t->len += len;
	t->datagrams++;
}

/* Anything at the end of a train: a handshake message, say. */
static void add_other(struct train *t, enum message_type type, size_t len)
{
	uint8_t *at = t->bytes + t->len;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(t->len + 3 * i);
	store_le32(at, type);
	t->len += len;
	t->datagrams++;
}

/* From the socket @fd, in datagrams of @step bytes. */
static void send_from(int fd, struct train *t, size_t step)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct iovec iov = {t->bytes, t->len};
	struct msghdr m = {.msg_name = &here.sa,
	                   .msg_namelen = endpoint_len(&here),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1};
	struct cmsghdr *c = (void *)control;
	uint16_t each = (uint16_t)step;

	if (t->len > step) {
		c->cmsg_level = IPPROTO_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof each);
		memcpy(CMSG_DATA(c), &each, sizeof each);
		m.msg_control = control;
		m.msg_controllen = sizeof control;
	}
	cr_assert(eq(int, (int)sendmsg(fd, &m, 0), (int)t->len), "%s", strerror(errno));
	sent_packets += t->datagrams;
	sent_bytes += t->len;
	t->len = t->datagrams = 0;
}

static void send_train(unsigned who, struct train *t)
{
	send_from(far[who], t, DATAGRAM);
}

/* ---- what comes out ---- */

static void skip_lost(unsigned who, unsigned which)
{
	while (is_lost[who][which][next_come[who][which]])
		next_come[who][which]++;
}

/* One packet: the next one of its keypair. */
static void take_packet(void)
{
	uint8_t got[RIG_DATAGRAM], want[PACKET];
	size_t len = rig_read(&end, got);
	unsigned who = got[15] - THERE, which = got[21];
	uint32_t seq = load_be16(got + 22);

	cr_assert(eq(sz, len, PACKET));
	cr_assert(lt(uint, who, PEERS));
	cr_assert(lt(uint, which, SECOND));
	skip_lost(who, which);
	cr_assert(eq(u32, seq, next_come[who][which]), "peer %u, keypair %u", who, which);
	rig_packet(want, 4, THERE + who, HERE, seq | which << 16, PACKET);
	ASSERT_BYTES(got, want, PACKET);
	next_come[who][which]++;
	came[who]++;
}

static bool has_all_come(void)
{
	bool all = true;

	for (unsigned i = 0; i < PEERS; i++) {
		for (unsigned k = 0; k < SECOND; k++) {
			skip_lost(i, k);
			all &= next_come[i][k] == next_seq[i][k];
		}
	}
	return all;
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

/* Takes all that was sent and must come, and nothing else; then all counts must fit. */
static void expect_all(void)
{
	const struct link *link = engine_link(end.engine, 0);
	uint8_t extra[RIG_DATAGRAM];

	while (!has_all_come())
		take_packet();
	rig_until(counter_read(&link->rx_bytes) == sent_bytes);
	cr_expect(eq(u64, counter_read(&link->rx_packets), sent_packets));
	for (unsigned i = 0; i < PEERS; i++) {
		rig_until(counter_read(&peer[i]->path[0].rx_packets) == came[i]);
		cr_expect(eq(u64, counter_read(&peer[i]->path[0].rx_bytes),
		             (uint64_t)came[i] * DATAGRAM));
	}
	engine_stop(end.engine);
	cr_expect(eq(int, (int)read(end.tun, extra, sizeof extra), -1));
}

static void expect_drops(enum drop_reason reason, uint64_t count)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, drops(i), i == reason ? count : 0), "%s", drop_name(i));
}

/* ---- the tests ---- */

static struct train train; /* filled and sent again and again */

Test(link_rx, trains_of_every_length_come_out_in_order)
{
	rig_start(&end);
	for (unsigned count = 1; count <= BATCH_MAX; count++) {
		add_many(&train, 0, 0, count);
		send_train(0, &train);
		for (unsigned i = 0; i < count && count % 4 == 0;
		     i++) /* now and then side by side */
			take_packet();
	}
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

/* All of it waits in the socket before the RX thread starts: several receptions at once, each with
 * trains of all lengths, lone datagrams and both peers.
 */
Test(link_rx, trains_among_lone_datagrams_keep_the_order_of_their_sender)
{
	struct test_random random = test_random_seeded("link_rx");

	for (unsigned i = 0; i < 200; i++) {
		unsigned who = test_random_next(&random) % PEERS, count = 1;

		if (test_random_next(&random) % 3 == 0)
			count += test_random_next(&random) % (BATCH_MAX / 2);
		add_many(&train, who, 0, count);
		send_train(who, &train);
	}
	rig_start(&end);
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx, many_lone_datagrams_at_once_come_out_in_order)
{
	for (unsigned i = 0; i < 10 * BATCH_MAX; i++) {
		add(&train, i % 3 == 0, 0, 0);
		send_train(i % 3 == 0, &train);
	}
	rig_start(&end);
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

/* What one socket sends, in one train. */
Test(link_rx, train_for_two_keypairs_of_a_peer_is_taken_apart)
{
	struct test_random random = test_random_seeded("link_rx");

	rig_start(&end);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 40; k++)
			add(&train, 0, test_random_next(&random) % SECOND, 0);
		send_train(0, &train);
	}
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

/* From one address, so to both it looks as if they had moved there: no path, but authentic. */
Test(link_rx, train_for_two_peers_is_taken_apart)
{
	rig_publish_target(&end, peer[1], 0, 0, &far_at[0]);
	rig_start(&end);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 50; k++)
			add(&train, (i + k) / 7 % PEERS, 0, 0);
		send_train(0, &train);
	}
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx, unknown_index_within_a_train_harms_no_other_wherever_it_stands)
{
	rig_start(&end);
	for (unsigned at = 0; at < 30; at++) {
		add_many(&train, 0, 0, at);
		add_stranger(&train, 0x7777);
		add_many(&train, 0, 0, 29 - at);
		send_train(0, &train);
	}
	expect_all();
	expect_drops(DROP_UNKNOWN_INDEX, 30);
}

Test(link_rx, train_of_strangers_alone_leaves_nothing_behind)
{
	rig_start(&end);
	for (unsigned i = 0; i < 300; i++) { /* more than there are batches */
		for (unsigned k = 0; k < 10; k++)
			add_stranger(&train, 0x7777);
		send_train(0, &train);
		if (i % 50 == 0)
			rig_until(drops(DROP_UNKNOWN_INDEX) == (i + 1) * 10);
	}
	add_many(&train, 0, 0, 3);
	send_train(0, &train);
	expect_all();
	expect_drops(DROP_UNKNOWN_INDEX, 3000);
}

Test(link_rx, forged_datagram_within_a_train_harms_no_other_wherever_it_stands)
{
	rig_start(&end);
	for (unsigned at = 0; at < 30; at++) {
		add_many(&train, 0, 0, at);
		add(&train, 0, 0, 1);
		add_many(&train, 0, 0, 29 - at);
		send_train(0, &train);
	}
	expect_all();
	expect_drops(DROP_NOT_AUTHENTIC, 30);
}

Test(link_rx, runt_at_the_end_of_a_train_is_dropped)
{
	rig_start(&end);
	for (unsigned len = 1; len < TRANSPORT_OVERHEAD; len++) {
		add_many(&train, 0, 0, 1 + len);
		add_runt(&train, len);
		send_train(0, &train);
	}
	expect_all();
	expect_drops(DROP_MALFORMED, TRANSPORT_OVERHEAD - 1);
}

/* Each long train makes two groups, one of them copied; the pool has enough for as many as one
 * reception can hold.
 */
Test(link_rx, many_groups_in_one_reception_lose_nothing)
{
	for (unsigned i = 0; i < 60; i++) {
		unsigned who = i % PEERS;

		for (unsigned k = 0; k < 30; k++)
			add(&train, who, (i / PEERS + k) % SECOND, 0);
		send_train(who, &train);
	}
	rig_start(&end);
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

/* From so many origins that the groups of one reception have no place: all of it waits in the
 * socket before the RX thread starts.
 */
Test(link_rx, groups_beyond_those_of_a_reception_are_dropped_and_counted)
{
	const struct link *link = engine_link(end.engine, 0);
	int fd[BATCH_MAX];
	struct endpoint at;

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		fd[i] = rig_far_socket("127.0.0.1:0", &at);
		add(&train, 0, 0, 0);
		add(&train, 0, 1, 0);
		add(&train, 1, 0, 0);
		send_from(fd[i], &train, DATAGRAM);
	}
	rig_start(&end);
	rig_until(counter_read(&link->rx_bytes) == sent_bytes);
	cr_expect(lt(u64, 0, drops(DROP_POOL_EMPTY)), "the bound was not reached");
	cr_expect(lt(u64, drops(DROP_POOL_EMPTY), sent_packets / 2), "the most are taken");
	while (came[0] + came[1] + drops(DROP_POOL_EMPTY) < sent_packets)
		take_packet();
	expect_drops(DROP_POOL_EMPTY, sent_packets - came[0] - came[1]);
	memcpy(next_come, next_seq, sizeof next_come);
	add_many(&train, 0, 0, 3); /* and it goes on */
	send_train(0, &train);
	for (unsigned i = 0; i < 3; i++)
		take_packet();
	engine_stop(end.engine);
	cr_expect(not(rig_is_readable(end.tun, 0)));
	for (unsigned i = 0; i < BATCH_MAX; i++)
		close(fd[i]);
}

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
	struct batch *r = rig_await_handshake(&end);

	cr_assert(eq(int, r->kind, BATCH_HANDSHAKE));
	cr_assert(eq(uint, r->len, 1));
	cr_assert(eq(sz, r->segment[0].len, len));
	ASSERT_BYTES(segment_header(r, &r->segment[0]), want, len);
	cr_expect(eq(ptr, r->route.link, engine_link(end.engine, 0)));
	cr_expect(endpoint_equal(&r->route.remote, &far_at[0]));
	batch_free(r);
}

Test(link_rx, handshake_message_behind_data_in_a_train_reaches_control)
{
	rig_start(&end);
	for (unsigned i = 0; i < sizeof handshakes / sizeof *handshakes; i++) {
		uint8_t want[DATAGRAM];

		add_many(&train, 0, 0, 1 + 20 * i);
		add_other(&train, handshakes[i].type, handshakes[i].len);
		memcpy(want, train.bytes + train.len - handshakes[i].len, handshakes[i].len);
		send_train(0, &train);
		expect_handshake(want, handshakes[i].len);
	}
	expect_all();
	expect_drops(DROP_REASON_COUNT, 0);
}

Test(link_rx, message_of_a_length_that_its_type_has_not_is_dropped)
{
	unsigned count = 0;

	rig_start(&end);
	for (unsigned i = 0; i < sizeof handshakes / sizeof *handshakes; i++) {
		for (size_t more = 0; more <= 2; more += 2) {
			add_many(&train, 0, 0, 2);
			add_other(&train, handshakes[i].type, handshakes[i].len - 1 + more);
			send_train(0, &train);
			count++;
		}
	}
	expect_all();
	expect_drops(DROP_MALFORMED, count);
	cr_expect(eq(ptr, engine_take_handshake(end.engine), NULL));
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
Test(link_rx, handshake_message_without_memory_for_it_is_no_malformed_one)
{
	struct link *link = engine_link(end.engine, 0);
	struct batch *list;

	rig_start(&end);
	engine_stop(end.engine);
	cr_assert(eq(int, link_rx_init(link), 0));
	list = take_all_but_one(&link->rx.pool);
	add_stranger(&train, 0x7777);
	add_other(&train, MESSAGE_INITIATION, sizeof(struct message_initiation));
	send_train(0, &train);
	cr_assert(rig_is_readable(link->data_fd, RIG_WAIT_MS));
	link_rx_stand_in(link);
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 1));
	cr_expect(eq(u64, drops(DROP_POOL_EMPTY), 1));
	cr_expect(eq(u64, drops(DROP_MALFORMED), 0));
	free_all(list);
}

/* ---- frames ---- */

static uint8_t frames[UDP_PAYLOAD_MAX];

/* @len bytes of payload from peer 0 that are one frame for control, longer than we know it. */
static void send_hello(size_t len)
{
	static uint8_t body[UDP_PAYLOAD_MAX];
	uint32_t seq = next_seq[0][0]++;

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i % 251 + 1);
	frame_append(frames, 0, sizeof frames, FRAME_HELLO, body, len - FRAME_HEADER_LEN);
	train.len = rig_seal(train.bytes, index_of(0, 0), seq, frames, len);
	train.datagrams = 1;
	is_lost[0][0][seq] = true; /* no packet */
	send_from(far[0], &train, train.len);
}

static void expect_notice(size_t len)
{
	struct batch *r = rig_await_notice(&end);

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
	end.engine->work.hand_over = true;
	atomic_store(&peer[0]->frames_allowed, true);
	add_many(&train, 1, 0, 1);
	send_train(1, &train);
	rig_start(&end);
	take_packet();
}

Test(link_rx, frames_longer_than_a_notice_are_malformed_and_harm_nobody)
{
	const struct link *link = engine_link(end.engine, 0);
	const size_t lens[] = {FRAMES_LEN_MAX + 1, 60000, UDP_PAYLOAD_MAX - TRANSPORT_OVERHEAD};

	for (unsigned i = 0; i < 3; i++)
		send_hello(lens[i]);
	start_with_frames_handed_over();
	rig_until(drops(DROP_FRAME_MALFORMED) == 3);
	cr_expect(eq(u64, counter_read(&link->rx.drops[DROP_FRAME_MALFORMED]), 0),
	          "all by workers");
	add_many(&train, 0, 0, 1);
	send_train(0, &train);
	take_packet();
	expect_drops(DROP_FRAME_MALFORMED, 3);
	cr_expect(eq(ptr, engine_take_notice(end.engine), NULL));
}

Test(link_rx, frames_as_long_as_a_notice_reach_control_whole)
{
	send_hello(FRAMES_LEN_MAX);
	start_with_frames_handed_over();
	expect_notice(FRAMES_LEN_MAX);
	expect_drops(DROP_REASON_COUNT, 0);
}

/* Strangers can send them at will: what control does not take is dropped before notices suffer. */
Test(link_rx, handshake_messages_nobody_takes_leave_room_for_notices)
{
	enum {
		MORE = 5,
		LEN = sizeof(struct message_initiation)
	};
	uint8_t want[LEN];

	atomic_store(&peer[0]->frames_allowed, true);
	rig_start(&end);
	for (unsigned i = 0; i < HANDSHAKES_MAX + MORE; i++) {
		add_many(&train, 0, 0, 1);
		add_other(&train, MESSAGE_INITIATION, LEN);
		memcpy(want, train.bytes + train.len - LEN, LEN);
		send_train(0, &train);
	}
	for (unsigned i = 0; i < HANDSHAKES_MAX + MORE; i++)
		take_packet();
	rig_until(drops(DROP_CONTROL_BUSY) == MORE);
	send_hello(100);
	expect_notice(100);
	for (unsigned i = 0; i < HANDSHAKES_MAX; i++)
		expect_handshake(want, LEN);
	add_many(&train, 0, 0, 1); /* there is room again */
	add_other(&train, MESSAGE_INITIATION, LEN);
	send_train(0, &train);
	expect_handshake(want, LEN);
	take_packet();
	cr_expect(eq(u64, drops(DROP_CONTROL_BUSY), MORE));
}

/* ---- data among handshake messages ---- */

/* Such a train is steered to the handshake socket. */
Test(link_rx, data_behind_a_handshake_message_in_a_train_is_taken_in)
{
	struct link *link = engine_link(end.engine, 0);
	uint8_t payload[64], want[256], got[RIG_DATAGRAM];
	size_t len, handshake = sizeof(struct message_initiation);
	struct link_message m;

	rig_start(&end);
	add_other(&train, MESSAGE_INITIATION, handshake);
	rig_packet(payload, 4, THERE, HERE, 0, sizeof payload);
	train.len += rig_seal(train.bytes + train.len, index_of(0, 0), 0, payload, sizeof payload);
	len = train.len;
	memcpy(want, train.bytes, len);
	send_from(far[0], &train, handshake);

	cr_assert(rig_is_readable(link->handshake_fd, RIG_WAIT_MS));
	cr_assert(eq(int, link_receive_handshakes(link, &m), 0));
	cr_assert(eq(uint, m.len, len));
	cr_assert(eq(uint, m.step, handshake));
	ASSERT_BYTES(m.at, want, len);
	cr_expect(eq(ptr, m.route.link, link));
	cr_expect(endpoint_equal(&m.route.remote, &far_at[0]));
	engine_receive(end.engine, &m.route, m.at + m.step, m.len - m.step);
	cr_expect(eq(int, link_receive_handshakes(link, &m), -EAGAIN));
	cr_assert(eq(sz, rig_read(&end, got), sizeof payload));
	ASSERT_BYTES(got, payload, sizeof payload);
	rig_until(counter_read(&peer[0]->path[0].rx_packets) == 1);
	expect_drops(DROP_REASON_COUNT, 0);
}
