/* SPDX-License-Identifier: MIT */
/* Bulk that has waited too long and whose senders understand marks: which packets get one, where
 * others are dropped.
 */
#include "base/ecn.h"
#include "dataplane/feedback.h"
#include "ip_rig.h"
#include "outflow_rig.h"
#include "sched/path_model.h"

enum {
	FEW = 40, /* so many may wait, however slow the path */
	LEN = 1400,
	GSO_SIZE = 1000,
	SUPER_LEN = 39500,
	SUPER_COUNT = 40,
	SLOW_KBPS = 1000, /* 12 ms for each */
	SOURCE_PORT = 20, /* where it stands in a packet */
};

static uint64_t now_ns;
static struct dispatcher *home; /* of the peer */

static void setup(void)
{
	outflow_setup();
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	home = &end.engine->dispatcher[dp_peer_queue(peer)];
	now_ns = clock_boot_ns();
	begin_session(BONDING_AGGREGATE, 1);
	atomic_store(&kp->send_lanes, true);
}

TestSuite(outflow_marks, .init = setup, .fini = outflow_teardown, .timeout = 60);

/* Path 0 is that fast, and known; there were others once. */
static void know(uint64_t kbps)
{
	struct stripe *st = &out->runs.sender.stripe;
	struct path_model *m = stripe_model(st, 0);

	stripe_model(st, PATHS_MAX - 1);
	path_model_answered(m, 20 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, 10 * NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, kbps * 125 * 10 / 9);
	m->clean_at_ns = NEVER_NS;
	st->trained |= 1;
}

static void put(struct read_buffer *read, size_t len)
{
	home->self.now_ns = now_ns;
	cr_assert(outflow_put(out, read_pool_keep(&home->reads, read, len)));
	cr_assert(eq(int, outflow_run(&home->self, out, false), OUTFLOW_DONE));
}

static struct read_buffer *next_read(void)
{
	cr_assert(read_pool_has_room(&home->reads));
	return read_pool_next(&home->reads);
}

/* @count packets of the flow from port @port, each a read. */
static void send_packets(unsigned count, uint16_t port, uint8_t tos)
{
	static const struct virtio_net_hdr header;
	struct ip_spec tcp = usual_spec(false, TCP);
	static uint8_t payload[LEN];

	tcp.host[0] = HERE;
	tcp.host[1] = THERE;
	tcp.port[0] = port;
	tcp.tos = tos;
	while (count--) {
		struct read_buffer *read = next_read();
		size_t len = build(read->data, &tcp, payload, LEN - headers_len_of(&tcp));

		cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, len), 1));
		put(read, len);
	}
}

/* As its dispatcher does for @ms. */
static void ring_for(unsigned ms)
{
	uint64_t end_ns = now_ns + ms * NS_PER_MS, next_ns = pumps_serve(&home->pumps, now_ns);

	while (next_ns <= end_ns) {
		now_ns = next_ns;
		next_ns = pumps_serve(&home->pumps, now_ns);
	}
	now_ns = end_ns;
}

/* The next datagram of data on path 0: the length of its packet, 0 if none is there. */
static size_t next_data(uint8_t payload[static RIG_DATAGRAM])
{
	uint64_t counter;

	while (rig_is_readable(far[0], 0)) {
		size_t len = rig_unseal(far[0], INDEX_THERE, &counter, payload);

		if (counter >> LANE_SHIFT < LANE_CONTROL)
			return ip_packet_len(payload, len);
	}
	return 0;
}

static uint64_t made(void)
{
	return engine_marks(end.engine, MARKS_MADE);
}

/* Packets of a flow that came, and those of them that had a mark. */
struct came {
	unsigned packets, marked;
};

/* What is there of the flows from the ports @port; all is sound. */
static void take_all(struct came *ret, const uint16_t *port, unsigned flows)
{
	uint8_t got[RIG_DATAGRAM];
	size_t len;

	while ((len = next_data(got))) {
		const char *fault = fault_of(got, len);
		unsigned i = 0;

		cr_expect(eq(ptr, (void *)fault, NULL), "%s", fault);
		while (i < flows && load_be16(got + SOURCE_PORT) != port[i])
			i++;
		cr_assert(lt(uint, i, flows));
		ret[i].packets++;
		ret[i].marked += ecn_of(got) == ECN_CE;
	}
}

Test(outflow_marks, bulk_that_waits_too_long_is_marked_and_nothing_lost)
{
	static const uint16_t port[] = {5000};
	struct came came = {0};

	know(SLOW_KBPS);
	send_packets(FEW, port[0], ECN_ECT_0);
	ring_for(90);
	cr_expect(eq(u64, made(), 0), "that may be a burst");
	ring_for(600);
	take_all(&came, port, 1);
	cr_expect(eq(uint, came.packets, FEW));
	cr_expect(ge(u64, made(), 2));
	cr_expect(le(u64, made(), 10), "one by one");
	cr_expect(eq(u64, came.marked, made()));
	cr_expect(eq(u64, drops(DROP_CONGESTED), 0));
}

/* Each flow as it is. */
Test(outflow_marks, beside_them_others_are_dropped_and_never_marked)
{
	static const uint16_t port[] = {5000, 5001};
	struct came came[2] = {0};

	know(SLOW_KBPS);
	for (unsigned i = 0; i < FEW / 2; i++) {
		send_packets(1, port[0], ECN_ECT_1);
		send_packets(1, port[1], ECN_NOT_ECT);
	}
	ring_for(700);
	take_all(came, port, 2);
	cr_expect(eq(uint, came[0].packets, FEW / 2));
	cr_expect(ge(u64, made(), 1));
	cr_expect(eq(u64, came[0].marked, made()));
	cr_expect(ge(u64, drops(DROP_CONGESTED), 1));
	cr_expect(eq(u64, came[1].packets + drops(DROP_CONGESTED), FEW / 2));
	cr_expect(eq(uint, came[1].marked, 0));
}

/* Who does not slow down for a mark is not to fill the memory (RFC 3168 7). */
Test(outflow_marks, more_than_may_wait_is_dropped_all_the_same)
{
	know(10000);
	send_packets(500, 5000, ECN_ECT_0); /* 700 KB; of 10 Mbit/s 300 ms are 375 KB */
	ring_for(5);
	cr_expect(lt(u64, 150, drops(DROP_CONGESTED)));
}

/* What a mark changes, and no more: the header's checksum goes with it. */
Test(outflow_marks, of_a_super_packet_single_packets_are_marked)
{
	static uint8_t payload[SUPER_LEN], want[IP_RIG_PACKET_MAX];
	struct ip_spec tcp = usual_spec(false, TCP), marked;
	struct read_buffer *read = next_read();
	struct virtio_net_hdr header;
	uint8_t got[RIG_DATAGRAM];
	unsigned at = 0, marks = 0;
	size_t len;

	know(SLOW_KBPS);
	tcp.host[0] = HERE;
	tcp.host[1] = THERE;
	tcp.tos = ECN_ECT_0;
	marked = tcp;
	marked.tos = ECN_CE;
	len = build_unfinished(read->data, &header, &tcp, payload, sizeof payload, GSO_SIZE);
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, len), SUPER_COUNT));
	put(read, len);
	ring_for(600);
	for (; (len = next_data(got)); at++) {
		bool is_marked = ecn_of(got) == ECN_CE;

		cr_assert(eq(sz, len,
		             build_segment(want, is_marked ? &marked : &tcp, payload,
		                           sizeof payload, GSO_SIZE, at, SUPER_COUNT)));
		ASSERT_BYTES(got, want, len);
		marks += is_marked;
	}
	cr_expect(eq(uint, at, SUPER_COUNT));
	cr_expect(ge(uint, marks, 2));
	cr_expect(le(uint, marks, 10));
	cr_expect(eq(u64, made(), marks));
}
