/* SPDX-License-Identifier: MIT */
/* One engine; the peers are sockets of the test, which opens what the engine sealed. */
#include <fcntl.h>

#include "dataplane/late.h"
#include "engine_rig.h"

enum {
	PATHS = 4, /* of the peer; all lead to a socket of their own */
	HERE = 1,  /* our host number, and from 2 on those of the peers */
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	MANY_PEERS = 140,
	FLOOD_PKTS = 20000,
	TOO_MANY = 6000, /* packets beyond those that may be staged */
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far[PATHS];
static struct endpoint far_at[PATHS];

/* All is ready but that nothing runs and that there is no session. */
static void setup(void)
{
	rig_setup();
	rig_create(&end, 2, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&end, &peer, THERE, 1);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, far, PATHS);
}

TestSuite(dispatcher, .init = setup, .fini = teardown, .timeout = 60);

static void begin_session(bool is_initiator, uint64_t age_ns)
{
	kp = rig_keypair(&end, peer, is_initiator, INDEX_HERE, INDEX_THERE,
	                 clock_boot_ns() - age_ns);
	rig_use_keypair(peer, kp);
}

static void end_session(void)
{
	rig_use_keypair(peer, NULL);
	cr_assert(index_remove(engine_index(end.engine), kp));
	keypair_put(kp);
	kp = NULL;
}

static void write_seq(uint32_t seq)
{
	uint8_t packet[RIG_MTU];

	struct pollfd p = {.fd = end.tun, .events = POLLOUT};
	size_t len = rig_flow_packet(packet, HERE, THERE, seq);

	while (!rig_write(&end, packet, len)) {
		rcu_thread_offline();
		cr_assert(eq(int, poll(&p, 1, RIG_WAIT_MS), 1));
		rcu_thread_online();
	}
}

/* The packet itself without the padding of the payload that carries it. */
static uint32_t seq_of_payload(const uint8_t *payload, size_t len)
{
	size_t total = payload[0] >> 4 == 4 ? load_be16(payload + 2) : 40u + load_be16(payload + 4);

	cr_assert(le(sz, total, len));
	cr_assert(lt(sz, len, total + PADDING_MULTIPLE));
	return rig_flow_seq(payload, total, HERE, THERE);
}

/* Reads a packet from path @path and expects number @seq; returns its counter. */
static uint64_t expect_seq(unsigned path, uint32_t seq)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	size_t len = rig_unseal(far[path], INDEX_THERE, &counter, payload);

	cr_expect(eq(u32, seq_of_payload(payload, len), seq));
	return counter;
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

static uint64_t staged(void)
{
	return dp_peer_staged(peer);
}

/* ---- what goes on the wire ---- */

Test(dispatcher, packets_are_numbered_in_order_and_padded_up_to_the_mtu)
{
	static const struct {
		size_t packet, payload;
	} cases[] = {{48, 48},     {49, 64},     {63, 64},     {64, 64},    {65, 80},
	             {1403, 1408}, {1408, 1408}, {1409, 1420}, {1420, 1420}};
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];

	begin_session(true, 0);
	rig_start(&end);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t counter;

		rig_packet(packet, i % 2 ? 4 : 6, HERE, THERE, i, cases[i].packet);
		cr_assert(rig_write(&end, packet, cases[i].packet));
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload),
		             cases[i].payload));
		cr_expect(eq(u64, counter, i));
		ASSERT_BYTES(payload, packet, cases[i].packet);
		for (size_t k = cases[i].packet; k < cases[i].payload; k++)
			cr_expect(eq(u8, payload[k], 0));
	}
}

/* More than one batch holds, read in one go: they are there before the engine runs. */
Test(dispatcher, long_run_is_cut_into_batches_and_stays_in_order)
{
	begin_session(true, 0);
	for (uint32_t i = 0; i < 200; i++)
		write_seq(i);
	rig_start(&end);
	for (uint32_t i = 0; i < 200; i++)
		cr_expect(eq(u64, expect_seq(0, i), i));
}

Test(dispatcher, redundant_datagrams_are_the_same_on_all_paths)
{
	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
	rig_publish_paths(peer, BONDING_REDUNDANT, 3, NULL);
	rig_start(&end);
	for (uint32_t i = 0; i < 20; i++)
		write_seq(i);
	for (uint32_t i = 0; i < 20; i++)
		for (unsigned path = 0; path < 3; path++)
			cr_expect(eq(u64, expect_seq(path, i),
			             (uint64_t)LANE_UNORDERED << LANE_SHIFT | i));
}

/* A frame that has its place in the order of @path, and is not yet done: what comes behind it waits. */
static struct batch *hold_path(unsigned path)
{
	uint8_t payload[FRAME_HEADER_LEN] = {FRAME_MAGIC, FRAME_HELLO};

	return late_make(&end.engine->control, peer, kp, path, LANE_CONTROL + path, payload,
	                 sizeof payload, NULL, 0);
}

static uint64_t next_counter(unsigned path)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	rig_unseal(far[path], INDEX_THERE, &counter, payload);
	return counter;
}

/* A copy waits for its turn on its own path, and keeps nobody waiting on another. */
Test(dispatcher, redundant_datagrams_keep_the_order_of_each_path)
{
	struct batch *held;

	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
	rig_publish_paths(peer, BONDING_REDUNDANT, 3, NULL);
	rig_start(&end);
	held = hold_path(1);
	for (uint32_t i = 0; i < 5; i++) {
		write_seq(i);
		expect_seq(0, i);
		expect_seq(2, i);
	}
	cr_expect(not(rig_is_readable(far[1], 0)));
	work_run(&end.engine->control, held);
	cr_expect(eq(u64, next_counter(1), (uint64_t)(LANE_CONTROL + 1) << LANE_SHIFT));
	for (uint32_t i = 0; i < 5; i++)
		expect_seq(1, i);
	rig_until(counter_read(&peer->path[1].tx_packets) == 6);
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 5));
}

/* Its number is that of its place in the order, not of the moment at which it is sealed. */
Test(dispatcher, a_keepalive_does_not_overtake_data_numbered_before_it_nor_after)
{
	struct batch *held;

	begin_session(true, 0);
	rig_start(&end);
	write_seq(0);
	cr_expect(eq(u64, expect_seq(0, 0), 0));
	held = hold_path(0);
	write_seq(1);
	rig_until(atomic_load(&kp->sent[LANE_ORDERED]) == 2);
	cr_assert(engine_send_late(end.engine, peer, kp, 0, LANE_ORDERED, NULL, 0, NULL));
	write_seq(2);
	rig_until(atomic_load(&kp->sent[LANE_ORDERED]) == 4);
	work_run(&end.engine->control, held);
	cr_expect(eq(u64, next_counter(0), (uint64_t)LANE_CONTROL << LANE_SHIFT));
	cr_expect(eq(u64, expect_seq(0, 1), 1));
	cr_expect(eq(u64, next_counter(0), 2), "the keepalive");
	cr_expect(eq(u64, expect_seq(0, 2), 3));
}

/* In one round, each to its own place in its own order. */
Test(dispatcher, packets_of_several_peers_are_kept_apart)
{
	struct dp_peer *both[2] = {peer, engine_create_peer(end.engine, NULL)};
	struct keypair *other = rig_keypair(&end, both[1], true, 0x33, 0x44, clock_boot_ns());
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_use_keypair(both[1], other);
	rig_publish_target(&end, both[1], 0, 1, &far_at[1]);
	rig_publish_paths(both[1], BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&end, both, THERE, 2);
	for (uint32_t i = 0; i < 60; i++)
		cr_assert(rig_write(&end, packet,
		                    rig_packet(packet, 4, HERE, THERE + i % 2, i, 100)));
	rig_start(&end);
	for (uint32_t i = 0; i < 60; i++) {
		rig_unseal(far[i % 2], i % 2 ? 0x44 : INDEX_THERE, &counter, payload);
		rig_packet(packet, 4, HERE, THERE + i % 2, i, 100);
		ASSERT_BYTES(payload, packet, 100);
		cr_expect(eq(u64, counter, i / 2));
	}
	engine_stop(end.engine);
	rig_take_events(&end);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	rig_strip_peer(&end, both[1], other);
	rig_put_peer(both[1]);
}

/* ---- staging ---- */

/* Much more than the memory holds: what gives way must be given back as well. */
Test(dispatcher, packets_wait_for_a_session_the_oldest_give_way)
{
	rig_start(&end);
	for (uint32_t i = 0; i < STAGED_MAX + TOO_MANY; i++)
		write_seq(i);
	rig_until(drops(DROP_STAGED_FULL) == TOO_MANY);
	cr_expect(eq(u64, staged(), STAGED_MAX));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0)); /* asked once */

	begin_session(true, 0);
	engine_kick(peer);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		cr_expect(eq(u64, expect_seq(0, TOO_MANY + i), i));
	cr_expect(eq(u64, staged(), 0));
	write_seq(TOO_MANY);
	expect_seq(0, TOO_MANY);
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), TOO_MANY));
}

Test(dispatcher, session_is_asked_for_again_when_the_wish_was_cleared)
{
	rig_start(&end);
	write_seq(0);
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	write_seq(1);
	rig_until(staged() == 2);
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0));
	atomic_store(&peer->session_wanted, false); /* control gave up */
	write_seq(2);
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
}

/* No path at all, none usable, a session too old: each is a reason to wait. */
Test(dispatcher, packets_wait_for_a_path_and_for_a_young_session)
{
	engine_publish_paths(peer, NULL);
	begin_session(true, 0);
	rig_start(&end);
	write_seq(0);
	rig_until(staged() == 1);
	rig_publish_paths(peer, BONDING_AGGREGATE, 0, NULL);
	write_seq(1);
	rig_until(staged() == 2);
	end_session();
	begin_session(true, REJECT_AFTER_TIME);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	write_seq(2);
	rig_until(staged() == 3);
	engine_kick(peer); /* in vain */
	end_session();
	begin_session(true, 0);
	engine_kick(peer);
	for (uint32_t i = 0; i < 3; i++)
		expect_seq(0, i);
}

Test(dispatcher, staged_packets_go_before_the_next_one_without_a_kick)
{
	rig_start(&end);
	for (uint32_t i = 0; i < 50; i++)
		write_seq(i);
	rig_until(staged() == 50);
	begin_session(true, 0);
	write_seq(50);
	for (uint32_t i = 0; i < 51; i++)
		cr_expect(eq(u64, expect_seq(0, i), i));
}

Test(dispatcher, kick_without_anything_staged_is_harmless)
{
	rig_start(&end);
	begin_session(true, 0);
	for (uint32_t i = 0; i < 20; i++) {
		engine_kick(peer);
		engine_kick(peer);
		write_seq(i);
		expect_seq(0, i);
	}
	rig_until(!atomic_load(&peer->out[0].is_kicked));
}

/* Before the engine runs the dispatcher's pool is ours: all but @count batches are taken out of
 * it.
 */
static struct batch *leave_batches(unsigned count)
{
	struct batch_pool *pool = &end.engine->dispatcher[0].self.pool;
	struct batch *taken = NULL;

	for (unsigned i = pool->count; i > count; i--) {
		struct batch *b = batch_get(pool);

		b->next = taken;
		taken = b;
	}
	return taken;
}

static void give_batches(struct batch *taken)
{
	while (taken) {
		struct batch *b = taken;

		taken = b->next;
		batch_free(b);
	}
}

/* A packet for each of four paths needs four batches; there are two. No further packet comes that
 * would make the dispatcher look again.
 */
Test(dispatcher, kick_releases_everything_even_when_memory_is_short)
{
	struct batch *taken = leave_batches(2);
	unsigned left = STAGED_MAX;

	rig_publish_paths(peer, BONDING_AGGREGATE, PATHS, NULL);
	rig_start(&end);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		write_seq(i);
	rig_until(staged() == STAGED_MAX);
	begin_session(true, 0);
	engine_kick(peer);
	while (left) {
		struct pollfd p[PATHS];
		uint8_t datagram[RIG_DATAGRAM];

		for (unsigned i = 0; i < PATHS; i++)
			p[i] = (struct pollfd){.fd = far[i], .events = POLLIN};
		rcu_thread_offline();
		cr_assert(lt(int, 0, poll(p, PATHS, RIG_WAIT_MS)), "%u are still staged", left);
		rcu_thread_online();
		for (unsigned i = 0; i < PATHS; i++)
			while (recv(far[i], datagram, sizeof datagram, 0) > 0)
				left--;
	}
	give_batches(taken);
}

/* Nobody writes, nobody kicks. Only the packet that came later is sent when there is a session. */
Test(dispatcher, packets_that_waited_too_long_are_dropped)
{
	uint64_t begin_ns = clock_boot_ns();

	rig_start(&end);
	for (uint32_t i = 0; i < 3; i++)
		write_seq(i);
	rig_until(staged() == 3);
	rig_until(drops(DROP_STAGED_EXPIRED) == 3);
	cr_expect(le(u64, begin_ns + STAGED_AGE_NS, clock_boot_ns()));
	cr_expect(eq(u64, staged(), 0));
	write_seq(3);
	rig_until(staged() == 1);
	begin_session(true, 0);
	engine_kick(peer);
	cr_expect(eq(u64, expect_seq(0, 3), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 3));
}

/* A packet that comes afterwards waits for the next attempt. */
Test(dispatcher, packets_of_a_failed_attempt_are_dropped)
{
	rig_start(&end);
	for (uint32_t i = 0; i < 5; i++)
		write_seq(i);
	rig_until(staged() == 5);
	engine_drop_staged(peer);
	rig_until(drops(DROP_STAGED_EXPIRED) == 5);
	cr_expect(eq(u64, staged(), 0));
	write_seq(5);
	rig_until(staged() == 1);
	begin_session(true, 0);
	engine_kick(peer);
	cr_expect(eq(u64, expect_seq(0, 5), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 5));
}

/* Writes to the device as fast as it takes packets. */
struct flood {
	struct thread thread;
	atomic_bool is_over;
};

static void pour(void *arg)
{
	struct flood *f = arg;
	uint8_t packet[RIG_MTU];
	size_t len = rig_packet(packet, 4, HERE, THERE, 0, RIG_MTU);

	while (!atomic_load(&f->is_over)) {
		struct pollfd p = {.fd = end.tun, .events = POLLOUT};

		if (write(end.tun, packet, len) < 0)
			poll(&p, 1, 10);
	}
}

static void flood_start(struct flood *f)
{
	*f = (struct flood){0};
	cr_assert(eq(int, thread_start(&f->thread, "flood", THREAD_HELPER, -1, pour, f), 0));
}

static void flood_stop(struct flood *f)
{
	atomic_store(&f->is_over, true);
	thread_join(&f->thread);
}

/* /dev/zero takes the device's place under the dispatcher: it always holds more than a round takes.
 * Meanwhile kicks are heeded, grace periods pass, and the engine stops (in the suite's end).
 */
Test(dispatcher, device_that_never_runs_dry_keeps_nobody_waiting)
{
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	cr_assert(le(int, 0, zero));
	rig_start(&end);
	write_seq(0);
	rig_until(staged() == 1);
	cr_assert(eq(int, dup2(zero, end.tun_fd), end.tun_fd));
	close(zero);
	engine_kick(peer); /* in vain, but now it reads from there */
	rig_until(drops(DROP_INNER_MALFORMED) > 1000);
	synchronize_rcu();
	begin_session(true, 0);
	engine_kick(peer);
	expect_seq(0, 0);
}

/* Peers whose sessions never come must not take the memory that the others send with. */
Test(dispatcher, staged_packets_take_nothing_of_the_pool)
{
	static struct dp_peer *silent[MANY_PEERS];
	static struct allowedips_entry entry[MANY_PEERS + 1];
	struct batch *taken = leave_batches(2);
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	for (unsigned i = 0; i < MANY_PEERS; i++) {
		silent[i] = engine_create_peer(end.engine, NULL);
		entry[i] = (struct allowedips_entry){{AF_INET, 32, {10, 0, 0, 50 + i}}, silent[i]};
	}
	entry[MANY_PEERS] = (struct allowedips_entry){{AF_INET, 32, {10, 0, 0, THERE}}, peer};
	engine_publish_allowedips(end.engine, allowedips_build(entry, MANY_PEERS + 1));
	rig_start(&end);
	for (unsigned i = 0; i < MANY_PEERS; i++)
		cr_assert(rig_write(&end, packet, rig_packet(packet, 4, HERE, 50 + i, i, 60)));
	for (unsigned i = 0; i < MANY_PEERS; i++)
		rig_until(dp_peer_staged(silent[i]) == 1);
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), 0));
	for (unsigned i = 0; i < 100; i++) {
		uint64_t counter;
		uint8_t payload[RIG_DATAGRAM];

		cr_assert(rig_write(&end, packet, rig_packet(packet, 4, HERE, THERE, i, 60)));
		rig_unseal(far[0], INDEX_THERE, &counter, payload);
		cr_expect(eq(u64, counter, i));
	}
	engine_stop(end.engine);
	give_batches(taken);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	rig_expect_all_home(&end); /* takes events, which hold references */
	for (unsigned i = 0; i < MANY_PEERS; i++)
		rig_put_peer(silent[i]);
}

/* ---- drops ---- */

/* Sends a good packet and waits for it: all that was written before has been looked at. */
static void flush(void)
{
	write_seq(7);
	expect_seq(0, 7);
}

static void expect_only(enum drop_reason reason, uint64_t count)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, drops(i), i == reason ? count : 0), "%s", drop_name(i));
}

Test(dispatcher, what_is_no_whole_ip_packet_is_dropped)
{
	uint8_t good[100], bad[100];
	unsigned count = 0;

	begin_session(true, 0);
	rig_start(&end);
	for (size_t len = 1; len < 100; len++, count++) { /* total length above what is there */
		rig_packet(good, len % 2 ? 4 : 6, HERE, THERE, 1, 100);
		cr_assert(rig_write(&end, good, len));
	}
	rig_packet(good, 4, HERE, THERE, 1, 100);
	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		memcpy(bad, good, sizeof bad);
		bad[0] = (uint8_t)(version << 4 | 5);
		cr_assert(rig_write(&end, bad, sizeof bad));
		count++;
	}
	flush();
	expect_only(DROP_INNER_MALFORMED, count);
}

Test(dispatcher, destination_of_no_peer_is_dropped)
{
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	rig_start(&end);
	cr_assert(rig_write(&end, packet, rig_packet(packet, 4, HERE, 99, 0, 100)));
	cr_assert(rig_write(&end, packet, rig_packet(packet, 6, HERE, 99, 0, 100)));
	flush();
	expect_only(DROP_NO_PEER, 2);
	engine_publish_allowedips(end.engine, NULL); /* nobody has any */
	write_seq(0);
	rig_until(drops(DROP_NO_PEER) == 3);
	expect_only(DROP_NO_PEER, 3);
}

Test(dispatcher, what_stays_on_a_link_is_told_from_other_packets_for_nobody)
{
	static const uint8_t all_reports[16] = {0xff, 0x02, [15] = 0x16};
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	rig_start(&end);
	rig_packet(packet, 6, HERE, THERE, 0, 100);
	memcpy(packet + 24, all_reports, sizeof all_reports);
	cr_assert(rig_write(&end, packet, 100));
	flush();
	expect_only(DROP_LINK_SCOPE, 1);
}

/* Its route leads into the device; what another host sends from the same port to elsewhere is data. */
Test(dispatcher, our_own_datagram_does_not_go_round)
{
	uint16_t port = endpoint_port(&engine_link(end.engine, 0)->bound);
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&end);
	rig_packet(packet, 4, HERE, THERE, 0, 100);
	packet[9] = IPPROTO_UDP;
	store_be16(packet + 20, port);
	store_be16(packet + 22, endpoint_port(&far_at[0]));
	cr_assert(rig_write(&end, packet, 100));
	cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), 112));
	expect_only(DROP_ROUTING_LOOP, 0);
	memcpy(packet + 16, &far_at[0].in4.sin_addr, 4);
	cr_assert(rig_write(&end, packet, 100));
	rig_until(drops(DROP_ROUTING_LOOP) == 1);
	expect_only(DROP_ROUTING_LOOP, 1);
}

/* The MTU of the device may be raised while we run: slots do not grow with it. */
Test(dispatcher, packet_longer_than_a_slot_is_dropped_and_harms_no_other)
{
	uint32_t longest = end.engine->slot_bytes - TRANSPORT_OVERHEAD - PADDING_MULTIPLE;
	static uint8_t packet[65535];
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	for (uint32_t i = 0; i < 40; i++) { /* in one round: neighbours in one batch */
		rig_packet(packet, 4, HERE, THERE, 2 * i, longest);
		cr_assert(rig_write(&end, packet, longest));
		rig_packet(packet, 4, HERE, THERE, 2 * i + 1, longest + 1 + 150 * i);
		cr_assert(rig_write(&end, packet, longest + 1 + 150 * i));
	}
	rig_packet(packet, 6, HERE, THERE, 0, sizeof packet);
	cr_assert(rig_write(&end, packet, sizeof packet));
	rig_start(&end);
	for (uint32_t i = 0; i < 40; i++) {
		cr_assert(le(sz, longest, rig_unseal(far[0], INDEX_THERE, &counter, payload)));
		cr_expect(eq(u64, counter, i));
		rig_packet(packet, 4, HERE, THERE, 2 * i, longest);
		ASSERT_BYTES(payload, packet, longest);
	}
	rig_until(drops(DROP_TOO_BIG) == 41);
	expect_only(DROP_TOO_BIG, 41);
}

Test(dispatcher, plain_peer_gets_no_data_where_bonding_is_required)
{
	begin_session(true, 0);
	atomic_store(&peer->data_refused, true);
	rig_start(&end);
	write_seq(0);
	rig_until(drops(DROP_BONDING_REQUIRED) == 1);
	atomic_store(&peer->data_refused, false);
	flush();
	expect_only(DROP_BONDING_REQUIRED, 1);
}

Test(dispatcher, path_closed_meanwhile_is_a_drop)
{
	begin_session(true, 0);
	cr_assert(eq(int, engine_publish_target(peer, 0, NULL), 0));
	rig_start(&end);
	write_seq(0);
	rig_until(drops(DROP_NO_PATH) == 1);
	rig_publish_target(&end, peer, 0, 0, &far_at[0]);
	flush();
	expect_only(DROP_NO_PATH, 1);
	rig_until(counter_read(&peer->path[0].tx_packets) == 1);
}

Test(dispatcher, counters_used_up_are_never_used_twice)
{
	begin_session(false, 0);
	atomic_store(&kp->sent[LANE_ORDERED], REJECT_AFTER_MESSAGES - 2);
	rig_start(&end);
	write_seq(0);
	cr_expect(eq(u64, expect_seq(0, 0), REJECT_AFTER_MESSAGES - 2));
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
	write_seq(1);
	rig_until(drops(DROP_COUNTER_LIMIT) == 1);
	write_seq(2); /* waits for the next session */
	rig_until(staged() == 1);
	expect_only(DROP_COUNTER_LIMIT, 1);
	cr_expect(not(rig_is_readable(far[0], 0)));
}

Test(dispatcher, refusal_of_the_system_is_told_to_control)
{
	struct endpoint broadcast = {0};

	begin_session(true, 0);
	cr_assert(eq(int, endpoint_parse("255.255.255.255:9", 0, &broadcast), 0));
	rig_publish_target(&end, peer, 0, 0, &broadcast);
	rig_start(&end);
	write_seq(0);
	rig_await_event(&end, PEER_EVENT_SEND_ERROR);
	cr_expect(eq(int, atomic_load(&peer->path[0].send_errno), EACCES));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_errors), 1));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 0));
	expect_only(DROP_SEND_ERROR, 1);
}

/* ---- age and activity ---- */

static bool is_session_wanted(void)
{
	rig_take_events(&end);
	return end.events & PEER_EVENT_WANT_SESSION;
}

Test(dispatcher, initiator_asks_for_a_new_session_when_it_sends_with_an_old_one)
{
	begin_session(true, REKEY_AFTER_TIME - 60 * NS_PER_S);
	rig_start(&end);
	flush();
	cr_expect(not(is_session_wanted()));
	end_session();
	begin_session(true, REKEY_AFTER_TIME);
	flush();
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
}

Test(dispatcher, responder_does_not_mind_the_age_until_it_is_too_old)
{
	begin_session(false, REJECT_AFTER_TIME - 60 * NS_PER_S);
	rig_start(&end);
	flush();
	flush(); /* the first one's submission has ended */
	cr_expect(not(is_session_wanted()));
}

Test(dispatcher, either_side_asks_for_a_new_session_after_enough_messages)
{
	begin_session(false, 0);
	atomic_store(&kp->sent[LANE_ORDERED], REKEY_AFTER_MESSAGES - 2);
	rig_start(&end);
	flush();
	flush();
	cr_expect(not(is_session_wanted()));
	flush(); /* number 2^48 */
	rig_await_event(&end, PEER_EVENT_WANT_SESSION);
}

Test(dispatcher, data_after_rest_is_told_once_until_it_was_answered)
{
	begin_session(true, 0);
	rig_start(&end);
	flush();
	rig_await_event(&end, PEER_EVENT_ACTIVE);
	cr_expect(ne(u64, counter_read(&peer->data_tx_since_ns), 0));
	flush();
	flush();
	rig_take_events(&end);
	cr_expect(eq(uint, end.events, 0));
}

/* A busy worker's inbox may never be empty. Yet the time of what is sent must be that of its
 * sending, or the timers think the peer silent: while sent_ns stands still hardly anything can
 * have been sent.
 */
Test(dispatcher, time_of_sending_is_not_stale_under_load)
{
	uint64_t since_ns = 0, since_packets = 0, most = 0, packets;
	struct flood flood[2];

	begin_session(true, 0);
	rig_start(&end);
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

/* ---- late batches ---- */

static bool send_probe(void)
{
	struct frame_probe body = {.path_id = 0};
	uint8_t payload[64];
	size_t len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);

	return engine_send_late(end.engine, peer, kp, 0, LANE_CONTROL, payload, len, NULL);
}

Test(dispatcher, late_batch_is_numbered_in_its_lane_and_padded)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_start(&end);
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

Test(dispatcher, longest_late_batch_fits)
{
	uint8_t longest[LATE_LEN_MAX], payload[RIG_DATAGRAM];
	uint64_t counter;

	memset(longest, 7, sizeof longest);
	begin_session(true, 0);
	rig_start(&end);
	cr_assert(engine_send_late(end.engine, peer, kp, 0, LANE_ORDERED, longest, sizeof longest,
	                           NULL));
	cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload), LATE_LEN_MAX));
	ASSERT_BYTES(payload, longest, LATE_LEN_MAX);
	cr_expect(eq(u64, counter, 0));
}

Test(dispatcher, late_batch_without_session_path_or_counter_is_dropped)
{
	begin_session(true, REJECT_AFTER_TIME);
	rig_start(&end);
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
