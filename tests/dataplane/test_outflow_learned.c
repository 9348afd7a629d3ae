/* SPDX-License-Identifier: MIT */
/* The way out to a peer that reports what arrives: bulk waits for a path that has room, at times of
 * the test.
 */
#include "base/ip.h"
#include "dataplane/feedback.h"
#include "dataplane/kick.h"
#include "ip_rig.h"
#include "outflow_rig.h"
#include "sched/heard.h"

enum {
	LEN = 1400,
	MANY = 60,         /* more than a path takes at once */
	FEW = 40,          /* so many may wait, however slow the path */
	URGENT = 1000000u, /* packets from this number on are in a hurry */
	GSO_SIZE = 1000,
};

static uint64_t now_ns;
static struct dispatcher *home; /* of the peer */
static uint64_t next_counter;   /* that is to come in the ordered lane */

static void setup(void)
{
	outflow_setup();
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	home = &end.engine->dispatcher[dp_peer_queue(peer)];
	now_ns = clock_boot_ns();
}

TestSuite(outflow_learned, .init = setup, .fini = outflow_teardown, .timeout = 60);

/* What a path is like, and that nothing is to be measured of it. */
static void know(uint8_t path_id, uint64_t kbps, int64_t delay_ms)
{
	struct stripe *st = &out->runs.sender.stripe;
	struct path_model *m = stripe_model(st, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, kbps * 125 * 10 / 9);
	m->clean_at_ns = NEVER_NS;
	st->trained |= (uint16_t)(1u << path_id);
}

static void begin(unsigned paths, uint64_t kbps)
{
	begin_session(BONDING_AGGREGATE, paths);
	atomic_store(&kp->send_lanes, true);
	for (unsigned i = 0; i < 2; i++) /* there were others, or it would go by weights */
		stripe_model(&out->runs.sender.stripe, (uint8_t)(PATHS_MAX - 1 - i));
	for (unsigned i = 0; i < paths; i++)
		know((uint8_t)i, kbps, 10 + i);
}

static size_t make_packet(uint8_t *out_at, uint32_t seq)
{
	size_t len = rig_packet(out_at, 4, HERE, THERE, seq, LEN);

	if (seq >= URGENT)
		out_at[9] = IPPROTO_ICMP;
	return len;
}

static struct dp_thread *self_now(void)
{
	home->self.now_ns = now_ns;
	return &home->self;
}

/* What the dispatcher read last. */
static struct read_buffer *read_packet(uint32_t seq, size_t *ret_len)
{
	const struct virtio_net_hdr header = {0};
	struct read_buffer *read;

	cr_assert(read_pool_has_room(&home->reads));
	read = read_pool_next(&home->reads);
	*ret_len = make_packet(read->data, seq);
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, *ret_len), 1));
	return read;
}

static void put(struct read_buffer *read, size_t len)
{
	cr_assert(outflow_put(out, read_pool_keep(&home->reads, read, len)));
	cr_assert(eq(int, outflow_run(self_now(), out, false), OUTFLOW_DONE));
}

/* Packets from @first on are read and put in, one by one. */
static void send_packets(uint32_t first, unsigned count)
{
	for (uint32_t seq = first; count--; seq++) {
		size_t len;
		struct read_buffer *read = read_packet(seq, &len);

		put(read, len);
	}
}

/* Once more, at @now_ns. Returns when its dispatcher looks next. */
static uint64_t ring(uint64_t at_ns)
{
	now_ns = at_ns;
	return pumps_serve(&home->pumps, now_ns);
}

/* As its dispatcher does until @end_ns. */
static void ring_until(uint64_t end_ns)
{
	uint64_t next_ns = ring(now_ns);

	while (next_ns <= end_ns)
		next_ns = ring(next_ns);
	now_ns = end_ns;
}

/* The next datagram of a lane of data on @path: its length, 0 if none is there. */
static size_t next_data(unsigned path, uint64_t *ret_counter, uint8_t payload[static RIG_DATAGRAM])
{
	while (rig_is_readable(far[path], 0)) {
		size_t len = rig_unseal(far[path], INDEX_THERE, ret_counter, payload);

		if (*ret_counter >> LANE_SHIFT < LANE_CONTROL)
			return ip_packet_len(payload, len);
	}
	return 0;
}

/* The number of the packet that comes next on @path; UINT32_MAX: none. Those in order have the
 * counters in their order.
 */
static uint32_t next_seq(unsigned path)
{
	uint8_t payload[RIG_DATAGRAM], want[RIG_DATAGRAM];
	uint64_t counter;
	uint32_t seq;

	if (!next_data(path, &counter, payload))
		return UINT32_MAX;
	seq = load_be32(payload + 20);
	make_packet(want, seq);
	ASSERT_BYTES(payload, want, LEN);
	cr_expect(eq(u64, counter >> LANE_SHIFT, seq >= URGENT ? LANE_UNORDERED : LANE_ORDERED));
	if (seq < URGENT && path == 0)
		cr_expect(eq(u64, counter, next_counter++));
	return seq;
}

/* What is there on path 0: packets from @first on, in their order. Returns how many. */
static unsigned expect_from(uint32_t first)
{
	unsigned count = 0;
	uint32_t seq;

	while ((seq = next_seq(0)) != UINT32_MAX)
		cr_assert(eq(u32, seq, first + count++));
	return count;
}

static uint64_t pump_at(void)
{
	return alarm_at_ns(&out->pump);
}

static unsigned kept_batches(void)
{
	return home->self.lasting.fresh - free_list_count(&home->self.lasting.free);
}

/* ---- bulk waits ---- */

Test(outflow_learned, bulk_waits_for_the_path_and_goes_when_the_pump_rings)
{
	uint64_t start_ns = now_ns;
	unsigned got, rings = 0;

	begin(1, 100000);
	send_packets(0, MANY);
	got = expect_from(0);
	cr_expect(ge(uint, got, 17), "2 ms of 100 Mbit/s");
	cr_expect(le(uint, got, 24));
	cr_expect(eq(u64, engine_staged(peer), MANY - got));
	cr_expect(out->is_held);
	while (engine_staged(peer)) {
		uint64_t at_ns = pump_at();

		cr_assert(lt(u64, now_ns, at_ns));
		cr_assert(le(u64, at_ns, now_ns + 2 * NS_PER_MS));
		cr_expect(eq(u64, ring(at_ns - 1), at_ns));
		cr_expect(eq(uint, expect_from(got), 0), "it is not time");
		ring(at_ns);
		got += expect_from(got);
		cr_expect(eq(u64, engine_staged(peer), MANY - got));
		cr_assert(lt(uint, ++rings, MANY));
	}
	cr_expect(eq(uint, got, MANY));
	cr_expect(ge(u64, now_ns - start_ns, 4 * NS_PER_MS), "not faster than the path");
	cr_expect(le(u64, now_ns - start_ns, 8 * NS_PER_MS));
	cr_expect(not(out->is_held));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}

/* In the round of a dispatcher, which goes on reading. */
Test(outflow_learned, what_is_read_in_a_turn_waits_too)
{
	unsigned got;

	begin(1, 100000);
	cr_assert(outflow_ask(out));
	cr_assert(eq(int, outflow_begin(self_now(), out), OUTFLOW_DONE));
	for (uint32_t seq = 0; seq < MANY; seq++) {
		size_t len;
		struct read_buffer *read = read_packet(seq, &len);

		cr_assert(outflow_send(self_now(), out, read, len));
	}
	cr_expect(eq(int, outflow_end(self_now(), out, false), OUTFLOW_DONE));
	got = expect_from(0);
	cr_expect(ge(uint, got, 17));
	cr_expect(eq(u64, engine_staged(peer), MANY - got));
	ring_until(now_ns + 10 * NS_PER_MS);
	cr_expect(eq(uint, got + expect_from(got), MANY));
}

/* What of it found no room goes later, in its order; what others send need not wait for all of it.
 */
Test(outflow_learned, super_packet_goes_in_parts)
{
	static uint8_t payload[45500], want[IP_RIG_PACKET_MAX];
	const struct ip_spec tcp = usual_spec(false, TCP);
	unsigned count, at = 0, other_at = 0;
	uint8_t got[RIG_DATAGRAM];
	struct virtio_net_hdr header;
	struct read_buffer *read;
	uint64_t counter, next = 0;
	size_t len;

	begin(1, 100000);
	cr_assert(read_pool_has_room(&home->reads));
	read = read_pool_next(&home->reads);
	len = build_unfinished(read->data, &header, &tcp, payload, sizeof payload, GSO_SIZE);
	count = super_packet_begin(&read->cut, &header, read->data, len);
	put(read, len);
	cr_expect(lt(u64, 10, engine_staged(peer)));
	cr_expect(lt(u64, engine_staged(peer), count - 10));
	send_packets(0, 1);
	ring_until(now_ns + 10 * NS_PER_MS);
	while ((len = next_data(0, &counter, got))) {
		cr_assert(eq(u64, counter, next++));
		if (len == LEN) {
			other_at = at;
			continue;
		}
		cr_assert(eq(
			sz, len,
			build_segment(want, &tcp, payload, sizeof payload, GSO_SIZE, at, count)));
		ASSERT_BYTES(got, want, len);
		at++;
	}
	cr_expect(eq(uint, at, count));
	cr_expect(lt(uint, 10, other_at));
	cr_expect(lt(uint, other_at, count), "it had its turn");
	cr_expect(eq(u64, engine_staged(peer), 0));
}

/* ---- what is in a hurry does not ---- */

Test(outflow_learned, the_urgent_passes_bulk_that_waits)
{
	unsigned got;

	begin(1, 100000);
	send_packets(0, MANY);
	got = expect_from(0);
	send_packets(URGENT, 2);
	cr_expect(eq(u32, next_seq(0), URGENT));
	cr_expect(eq(u32, next_seq(0), URGENT + 1));
	cr_expect(eq(uint, expect_from(got), 0));
	cr_expect(eq(u64, engine_staged(peer), MANY - got));
	ring_until(now_ns + 10 * NS_PER_MS);
	cr_expect(eq(uint, got + expect_from(got), MANY));
}

/* For want of memory they wait as well, and go first when there is some. */
Test(outflow_learned, the_urgent_that_waits_goes_before_bulk_that_waits)
{
	struct read_buffer *read;
	struct batch *taken;
	unsigned got;
	size_t len;

	begin(1, 100000);
	send_packets(0, MANY);
	got = expect_from(0);
	taken = take_batches(home->self.reads->id);
	read = read_packet(URGENT, &len);
	cr_assert(outflow_put(out, read_pool_keep(&home->reads, read, len)));
	cr_expect(eq(int, outflow_run(self_now(), out, false), OUTFLOW_NO_MEMORY));
	cr_expect(eq(u64, engine_staged(peer), MANY - got + 1));
	give_batches(taken);
	now_ns += 10 * NS_PER_MS;
	cr_expect(eq(int, outflow_run(self_now(), out, false), OUTFLOW_DONE));
	cr_expect(eq(u32, next_seq(0), URGENT));
	cr_expect(lt(uint, 0, expect_from(got)));
}

/* ---- what waits for too long ---- */

/* Every packet was sent, waits, or is counted. */
static void expect_accounts(unsigned put_in, unsigned got)
{
	cr_expect(eq(u64, got + engine_staged(peer) + drops(DROP_CONGESTED), put_in));
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 0));
}

/* Takes what is there: in order, though some are missing. */
static unsigned count_in_order(uint32_t *last)
{
	unsigned count = 0;
	uint32_t seq;

	while ((seq = next_seq(0)) != UINT32_MAX) {
		cr_assert(lt(u32, *last, seq + 1));
		*last = seq + 1;
		count++;
	}
	return count;
}

Test(outflow_learned, more_than_may_wait_is_dropped_and_counted)
{
	enum {
		PUT = 500, /* 700 KB; of 10 Mbit/s 300 ms are 375 KB */
	};
	uint32_t last = 0;
	unsigned got;

	begin(1, 10000);
	send_packets(0, PUT);
	got = count_in_order(&last);
	ring(pump_at());
	got += count_in_order(&last);
	cr_expect(lt(u64, 150, drops(DROP_CONGESTED)));
	cr_expect(lt(u64, 200, engine_staged(peer)));
	cr_expect(lt(u32, 150, last), "the oldest gave way");
	expect_accounts(PUT, got);
}

Test(outflow_learned, bulk_that_waits_too_long_is_dropped_one_by_one)
{
	uint32_t last = 0;
	unsigned got;

	begin(1, 1000); /* 12 ms for each */
	send_packets(0, FEW);
	got = count_in_order(&last);
	ring_until(now_ns + 90 * NS_PER_MS);
	cr_expect(eq(u64, drops(DROP_CONGESTED), 0), "that may be a burst");
	ring_until(now_ns + 300 * NS_PER_MS);
	got += count_in_order(&last);
	cr_expect(ge(u64, drops(DROP_CONGESTED), 1));
	cr_expect(le(u64, drops(DROP_CONGESTED), 6));
	expect_accounts(FEW, got);
}

/* ---- what is kept ---- */

Test(outflow_learned, what_was_sent_is_kept_for_a_while_and_then_the_pump_rests)
{
	uint64_t start_ns = now_ns;

	begin(PATHS, 100000);
	send_packets(0, 3);
	cr_expect(eq(uint, kept_batches(), 3));
	cr_assert(ne(u64, pump_at(), NEVER_NS), "paths are looked at");
	ring_until(start_ns + 300 * NS_PER_MS);
	cr_expect(eq(uint, kept_batches(), 3));
	ring_until(start_ns + 500 * NS_PER_MS);
	cr_expect(eq(uint, kept_batches(), 0));
	ring_until(start_ns + 3 * NS_PER_S);
	cr_expect(eq(u64, pump_at(), NEVER_NS), "there is nothing to be seen");
}

/* The last of it went when the pump rang: its fate is to be watched as well. */
Test(outflow_learned, what_waited_is_watched_after_it_went)
{
	begin(PATHS, 100000);
	send_packets(0, 2 * MANY);
	cr_assert(lt(u64, 0, engine_staged(peer)));
	while (engine_staged(peer))
		ring(pump_at());
	cr_expect(not(out->is_held));
	cr_expect(lt(uint, 0, kept_batches()));
	cr_assert(ne(u64, pump_at(), NEVER_NS));
	ring_until(now_ns + NS_PER_S);
	cr_expect(eq(uint, kept_batches(), 0));
}

Test(outflow_learned, what_is_to_go_again_does_so_before_what_waits)
{
	struct repair_range lost = {.len = 1, .key = INDEX_THERE, .lane = LANE_ORDERED};
	uint8_t first[RIG_DATAGRAM], again[RIG_DATAGRAM];
	unsigned sent;
	ssize_t len;

	begin(PATHS, 100000);
	send_packets(0, 1);
	len = recv(far[0], first, sizeof first, 0);
	cr_assert(lt(int, 0, (int)len));
	send_packets(1, 4 * MANY);
	sent = (unsigned)counter_read(&peer->path[1].tx_packets);
	cr_assert(lt(uint, 0, sent));
	while (sent--)
		recv(far[1], again, sizeof again, 0);
	cr_assert(repair_add(&out->runs.sender.stripe.repair, &lost));
	ring(pump_at());
	cr_assert(eq(int, (int)recv(far[1], again, sizeof again, 0), (int)len));
	ASSERT_BYTES(again, first, (size_t)len);
}

/* The weights decide again: what waits goes, and nothing will be asked for. */
Test(outflow_learned, a_peer_that_stops_reporting_lets_go_of_what_is_kept)
{
	begin(PATHS, 100000);
	send_packets(0, 4 * MANY);
	cr_assert(lt(u64, 0, engine_staged(peer)));
	cr_assert(lt(uint, 0, kept_batches()));
	cr_assert(eq(int, engine_exchange_reports(peer, false), 0));
	ring(pump_at());
	cr_expect(eq(uint, kept_batches(), 0));
	cr_expect(eq(u64, engine_staged(peer), 0));
	cr_expect(eq(u64,
	             counter_read(&peer->path[0].tx_packets) +
	                     counter_read(&peer->path[1].tx_packets),
	             4 * MANY));
	cr_expect(eq(u64, pump_at(), NEVER_NS));
}

/* ---- who has no memory for runs ---- */

Test(outflow_learned, bulk_that_waits_for_a_path_is_not_passed_on)
{
	begin(1, 100000);
	send_packets(0, MANY);
	cr_assert(outflow_ask(out));
	kick_outflow(&end.engine->control, peer, now_ns);
	cr_expect(eq(ptr, dispatcher_take_role(home), NULL));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
	cr_expect(ne(u64, pump_at(), NEVER_NS));
}

Test(outflow_learned, repairs_are_passed_on)
{
	struct repair_range lost = {.len = 1, .key = INDEX_THERE, .lane = LANE_ORDERED};

	begin(PATHS, 100000);
	send_packets(0, 1);
	cr_assert(repair_add(&out->runs.sender.stripe.repair, &lost));
	cr_assert(outflow_ask(out));
	kick_outflow(&end.engine->control, peer, now_ns);
	cr_assert(eq(ptr, dispatcher_take_role(home), peer));
	cr_expect(eq(int, outflow_run(self_now(), out, false), OUTFLOW_DONE));
	cr_expect(not(runs_have_repairs(&out->runs)));
	dp_peer_put(peer);
}

/* ---- the end ---- */

static unsigned references(void)
{
	rig_take_events(&end); /* they hold the peer */
	return reference_count(&peer->references);
}

Test(outflow_learned, what_waits_for_a_path_is_forgotten_when_the_engine_stops)
{
	begin(PATHS, 100000);
	send_packets(0, 4 * MANY);
	cr_assert(lt(u64, 0, engine_staged(peer)));
	engine_stop(end.engine);
	cr_expect(eq(uint, references(), 1));
	cr_expect(eq(i64, read_pool_spare(&home->reads), READ_WAIT_BYTES));
}

/* It is bytes alone, and does not hold the peer. */
Test(outflow_learned, what_is_kept_goes_with_the_peer)
{
	struct dp_peer *gone = peer;

	begin(PATHS, 100000);
	send_packets(0, 3);
	cr_assert(eq(uint, kept_batches(), 3));
	engine_stop(end.engine);
	rig_strip_peer(&end, gone, kp);
	kp = NULL;
	rig_take_events(&end);
	rig_put_peer(gone);
	rcu_barrier();
	cr_expect(eq(uint, kept_batches(), 0));
	peer = engine_create_peer(end.engine, NULL);
}
