/* SPDX-License-Identifier: MIT */
/* Super-packets through the engine: those the device gives are cut and leave as packets, packets
 * that come in are joined to super-packets for the device. One engine; its peer is played by the
 * test.
 */
#include <inttypes.h>
#include <sys/uio.h>

#include "../dataplane/engine_rig.h"
#include "../dataplane/ip_rig.h"
#include "dataplane/late.h"

enum {
	PATHS = 4,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
	GSO_SIZE = 1360, /* with all headers a packet has the MTU or less */
	PAYLOAD_MAX = 65000,
	SUPERS_MAX = 16,
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far[PATHS];
static struct endpoint far_at[PATHS];
static uint8_t payload[SUPERS_MAX * 1000 + PAYLOAD_MAX];

/* Every inner address is the peer's, here and there. */
static void allow_everything(void)
{
	struct allowedips_entry entry[] = {{{AF_INET, 0, {0}}, peer}, {{AF_INET6, 0, {0}}, peer}};

	engine_publish_allowedips(end.engine, allowedips_build(entry, 2));
}

static void create(bool has_header, struct coalesce_offload takes)
{
	struct engine_settings set = rig_settings(2);

	rig_setup();
	seed_random(clock_boot_ns());
	fill_random(payload, sizeof payload);
	set.tun.has_header = has_header;
	set.tun.takes = takes;
	rig_create_as(&end, set, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	atomic_store(&peer->followed_path, PATH_ANY);
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	allow_everything();
}

static void setup(void)
{
	create(true, (struct coalesce_offload){true, true, true, true});
}

static void setup_without_joining(void)
{
	create(true, (struct coalesce_offload){0});
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, far, PATHS);
}

TestSuite(offload, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(offload_unjoined, .init = setup_without_joining, .fini = teardown, .timeout = 60);

static void begin_session(void)
{
	kp = rig_keypair(&end, peer, true, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
}

static uint64_t drops(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

static void expect_only(enum drop_reason reason, uint64_t count)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, drops(i), i == reason ? count : 0), "%s", drop_name(i));
}

/* ---- super-packets of the device ---- */

/* Number @n of a flow: its payload begins n bytes later, so no two are alike. */
struct super {
	struct ip_spec spec;
	const uint8_t *payload;
	size_t payload_len;
	uint16_t gso_size;
	unsigned count; /* packets that it is cut into */
};

static struct super super_of(bool is_v6, uint8_t protocol, unsigned n, size_t payload_len,
                             uint16_t gso_size)
{
	struct super s = {.spec = {.is_v6 = is_v6,
	                           .protocol = protocol,
	                           .host = {1, 2},
	                           .ttl = 64,
	                           .id = (uint16_t)(1000 * n),
	                           .port = {4000, 443},
	                           .seq = UINT32_MAX - 9999 + n * PAYLOAD_MAX,
	                           .flags = ACK | PSH,
	                           .window = 500},
	                  .payload = payload + n * 7,
	                  .payload_len = payload_len,
	                  .gso_size = gso_size};

	s.count = gso_size ? (unsigned)((payload_len + gso_size - 1) / gso_size) : 1;
	return s;
}

/* As the kernel would; waits until the device takes it. */
static void write_record(const struct virtio_net_hdr *header, const void *packet, size_t len)
{
	struct iovec iov[] = {{(void *)header, sizeof *header}, {(void *)packet, len}};
	struct pollfd p = {.fd = end.tun, .events = POLLOUT};
	ssize_t n;

	while ((n = writev(end.tun, iov, 2)) < 0) {
		cr_assert(eq(int, errno, EAGAIN));
		rcu_thread_offline();
		cr_assert(eq(int, poll(&p, 1, RIG_WAIT_MS), 1));
		rcu_thread_online();
	}
	cr_assert(eq(sz, (size_t)n, sizeof *header + len));
}

static void write_super(const struct super *s)
{
	static uint8_t packet[IP_RIG_PACKET_MAX];
	struct virtio_net_hdr header;
	size_t len = build_unfinished(packet, &header, &s->spec, s->payload, s->payload_len,
	                              s->gso_size);

	write_record(&header, packet, len);
}

/* Expects @got, padding included, to be packet @index of @s. */
static void expect_segment(const struct super *s, unsigned index, const uint8_t *got, size_t len)
{
	uint8_t want[RIG_DATAGRAM];
	size_t want_len = build_segment(want, &s->spec, s->payload, s->payload_len, s->gso_size,
	                                index, s->count);

	cr_assert(le(sz, want_len, len));
	cr_assert(lt(sz, len, want_len + PADDING_MULTIPLE));
	ASSERT_BYTES(got, want, want_len);
	cr_expect(eq(ptr, (void *)fault_of(got, want_len), NULL), "%s", fault_of(got, want_len));
}

/* Reads what @s was cut into from path 0, with the counters from @counter on. */
static void expect_super(const struct super *s, uint64_t counter)
{
	for (unsigned i = 0; i < s->count; i++) {
		uint8_t got[RIG_DATAGRAM];
		uint64_t got_counter;
		size_t len = rig_unseal(far[0], INDEX_THERE, &got_counter, got);

		cr_assert(eq(u64, got_counter, counter + i));
		expect_segment(s, i, got, len);
	}
}

Test(offload, super_packet_leaves_as_sound_packets_in_order)
{
	static const uint8_t protocols[] = {TCP, UDP};
	uint64_t counter = 0;

	begin_session();
	rig_start(&end);
	for (unsigned i = 0; i < 12; i++) {
		size_t len = i < 4 ? PAYLOAD_MAX : 1 + draw(PAYLOAD_MAX);
		struct super s = super_of(i & 1, protocols[i / 2 % 2], i, len, GSO_SIZE);

		write_super(&s);
		expect_super(&s, counter);
		counter += s.count;
	}
	expect_only(DROP_REASON_COUNT, 0);
}

Test(offload, packet_without_checksum_gets_it)
{
	begin_session();
	rig_start(&end);
	for (unsigned i = 0; i < 8; i++) {
		struct super s = super_of(i & 1, i & 2 ? UDP : TCP, i, 1 + draw(1200), 0);
		uint8_t got[RIG_DATAGRAM], want[RIG_DATAGRAM];
		uint64_t counter;

		write_super(&s);
		cr_assert(le(sz, build(want, &s.spec, s.payload, s.payload_len),
		             rig_unseal(far[0], INDEX_THERE, &counter, got)));
		ASSERT_BYTES(got, want, headers_len_of(&s.spec) + s.payload_len);
	}
}

/* One flow, so the numbers are given in the order of sending, whichever path is taken. */
Test(offload, super_packets_striped_over_four_paths_arrive_whole_and_once)
{
	enum {
		ROUNDS = 5
	};
	static bool is_seen[PATHS * SUPERS_MAX * 64 * ROUNDS];
	static struct super supers[SUPERS_MAX];
	unsigned per_super, on[PATHS] = {0};
	uint64_t bytes[PATHS] = {0}, sum = 0;

	rig_publish_paths(peer, BONDING_AGGREGATE, PATHS, NULL);
	begin_session();
	rig_start(&end);
	for (unsigned i = 0; i < SUPERS_MAX; i++)
		supers[i] = super_of(0, TCP, i, PAYLOAD_MAX, GSO_SIZE);
	per_super = supers[0].count;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < SUPERS_MAX; i++)
			write_super(&supers[i]);
		for (unsigned left = SUPERS_MAX * per_super; left; left--) {
			struct pollfd p[PATHS];
			uint8_t got[RIG_DATAGRAM];
			uint64_t counter;
			unsigned path = 0;
			size_t len;

			for (unsigned i = 0; i < PATHS; i++)
				p[i] = (struct pollfd){.fd = far[i], .events = POLLIN};
			rcu_thread_offline();
			cr_assert(lt(int, 0, poll(p, PATHS, RIG_WAIT_MS)), "%u are missing", left);
			rcu_thread_online();
			while (!p[path].revents)
				path++;
			len = rig_unseal(far[path], INDEX_THERE, &counter, got);
			cr_assert(lt(u64, counter, sizeof is_seen));
			cr_assert(not(is_seen[counter]));
			is_seen[counter] = true;
			expect_segment(&supers[counter / per_super % SUPERS_MAX],
			               (unsigned)(counter % per_super), got, len);
			on[path]++;
			bytes[path] += len;
			sum += len;
		}
	}
	for (uint64_t i = 0; i < ROUNDS * SUPERS_MAX * per_super; i++)
		cr_assert(is_seen[i], "packet %" PRIu64 " is missing", i);
	for (unsigned i = 0; i < PATHS; i++) { /* a run at most from the share */
		cr_expect(lt(u64, sum / PATHS, bytes[i] + 2 * RUN_BYTES_MAX), "%u packets", on[i]);
		cr_expect(lt(u64, bytes[i], sum / PATHS + 2 * RUN_BYTES_MAX), "%u packets", on[i]);
	}
	expect_only(DROP_REASON_COUNT, 0);
}

Test(offload, of_super_packets_without_session_the_newest_packets_are_kept)
{
	static struct super supers[SUPERS_MAX];
	unsigned per_super, total, first;

	rig_start(&end);
	for (unsigned i = 0; i < SUPERS_MAX; i++) {
		supers[i] = super_of(i & 1, TCP, i, PAYLOAD_MAX, GSO_SIZE);
		write_super(&supers[i]);
	}
	per_super = supers[0].count;
	total = SUPERS_MAX * per_super;
	first = total - STAGED_MAX;
	rig_until(drops(DROP_STAGED_FULL) == first);
	rig_until(engine_staged(peer) == STAGED_MAX);
	begin_session();
	engine_kick(peer);
	for (unsigned i = first; i < total; i++) {
		uint8_t got[RIG_DATAGRAM];
		uint64_t counter;
		size_t len = rig_unseal(far[0], INDEX_THERE, &counter, got);

		cr_assert(eq(u64, counter, i - first));
		expect_segment(&supers[i / per_super], i % per_super, got, len);
	}
	cr_expect(eq(u64, engine_staged(peer), 0));
	expect_only(DROP_STAGED_FULL, first);
}

/* Each makes more than a hundred batches; the pool has fewer than all of them need. What stands
 * first in the order of leaving is held back, and with it all the others, until the dispatcher
 * waits. The far side may lose some; the system here takes all, or says that its buffer is full.
 */
Test(offload, memory_used_up_within_a_super_packet_is_waited_for)
{
	struct dp_thread *control = &end.engine->control;
	struct batch_pool *pool = &end.engine->dispatcher[0].self.pool;
	uint64_t total = 1;
	struct batch *first;

	begin_session();
	first = late_make(control, peer, kp, 0, LANE_CONTROL, NULL, 0, NULL, 0);
	rig_start(&end);
	for (unsigned i = 0; i < 6; i++) {
		struct super s = super_of(0, TCP, i, PAYLOAD_MAX, 8);

		cr_assert(lt(uint, pool->count * BATCH_MAX, 6 * s.count));
		write_super(&s);
		total += s.count;
	}
	rig_until(atomic_load(&pool->is_waiting));
	cr_expect(eq(u64, counter_read(&peer->path[0].tx_packets), 0));
	cr_expect(le(u64, atomic_load(&kp->sent[LANE_ORDERED]), pool->count * BATCH_MAX));
	cr_expect(lt(u64, pool->count * BATCH_MAX / 2, atomic_load(&kp->sent[LANE_ORDERED])));
	work_run(control, first);
	rig_until(counter_read(&peer->path[0].tx_packets) + drops(DROP_SEND_BUFFER) == total);
	cr_expect(eq(u64, atomic_load(&kp->sent[LANE_ORDERED]), total - 1));
	expect_only(DROP_SEND_BUFFER, drops(DROP_SEND_BUFFER));
}

Test(offload, what_the_virtio_header_gets_wrong_is_dropped_and_harms_no_other)
{
	struct super good = super_of(0, TCP, 0, 5000, GSO_SIZE);
	static uint8_t packet[IP_RIG_PACKET_MAX];
	struct virtio_net_hdr right, bad[8];
	size_t len = build_unfinished(packet, &right, &good.spec, good.payload, good.payload_len,
	                              good.gso_size);

	for (unsigned i = 0; i < 8; i++)
		bad[i] = right;
	bad[0].gso_type = 99;
	bad[1].gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	bad[2].gso_type = VIRTIO_NET_HDR_GSO_UDP; /* fragments: never asked for */
	bad[3].gso_size = 0;
	bad[4].gso_type = 5; /* UDP datagrams, of a TCP packet */
	bad[5].csum_start = 60000;
	bad[6].csum_offset = 60000;
	bad[7].csum_start = 24;
	begin_session();
	rig_start(&end);
	for (unsigned i = 0; i < 8; i++) {
		write_record(&bad[i], packet, len);
		write_super(&good);
		expect_super(&good, i * good.count);
	}
	write_record(&right, packet, 19); /* no whole IP header */
	write_record(&right, packet, len - 1);
	write_super(&good);
	expect_super(&good, 8 * good.count);
	expect_only(DROP_INNER_MALFORMED, 10);
}

/* Its packets are longer than a slot: the device's MTU was raised. Each is counted. */
Test(offload, super_packet_of_too_long_packets_is_dropped)
{
	struct super s = super_of(0, TCP, 0, 60000, 4000), good = super_of(0, TCP, 1, 100, 0);
	uint64_t counter;
	uint8_t got[RIG_DATAGRAM];

	begin_session();
	rig_start(&end);
	write_super(&s);
	write_super(&good);
	rig_unseal(far[0], INDEX_THERE, &counter, got);
	cr_expect(eq(u64, counter, 0));
	expect_only(DROP_TOO_BIG, 15);
}

/* ---- packets for the device ---- */

/* Seals packet @index of @s with that number and sends it. */
static void send_segment(const struct super *s, unsigned index, uint64_t counter)
{
	uint8_t packet[RIG_DATAGRAM], datagram[RIG_DATAGRAM];
	size_t len = build_segment(packet, &s->spec, s->payload, s->payload_len, s->gso_size, index,
	                           s->count);

	rig_send(far[0], &engine_link(end.engine, 0)->bound, datagram,
	         rig_seal(datagram, INDEX_HERE, counter, packet, len));
}

struct record {
	struct virtio_net_hdr header;
	uint8_t packet[IP_RIG_PACKET_MAX];
	size_t len; /* of the packet */
};

/* What was written at once; waits for it. */
static void read_record(struct record *r)
{
	struct iovec iov[] = {{&r->header, sizeof r->header}, {r->packet, sizeof r->packet}};
	ssize_t n;

	cr_assert(rig_is_readable(end.tun, RIG_WAIT_MS), "nothing was written");
	n = readv(end.tun, iov, 2);
	cr_assert(lt(int, (int)sizeof r->header, (int)n));
	r->len = (size_t)n - sizeof r->header;
}

/* They wait in the socket, so that all come at once. */
static void expect_joined(bool is_v6, uint8_t protocol)
{
	struct super s = super_of(is_v6, protocol, 3, 30 * GSO_SIZE - 5, GSO_SIZE);
	static uint8_t want[IP_RIG_PACKET_MAX];
	struct virtio_net_hdr header;
	static struct record r;
	size_t len;

	begin_session();
	for (unsigned i = 0; i < s.count; i++)
		send_segment(&s, i, i);
	rig_start(&end);
	read_record(&r);
	len = build_unfinished(want, &header, &s.spec, s.payload, s.payload_len, s.gso_size);
	cr_assert(eq(sz, r.len, len));
	ASSERT_BYTES(r.packet, want, len);
	cr_expect(eq(u8, r.header.gso_type, header.gso_type));
	cr_expect(eq(u16, r.header.gso_size, GSO_SIZE));
	cr_expect(eq(u8, r.header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM));
	cr_expect(eq(u16, r.header.csum_start, header.csum_start));
	cr_expect(eq(u16, r.header.csum_offset, header.csum_offset));
	cr_expect(eq(u16, r.header.hdr_len, header.hdr_len));
	cr_expect(not(rig_is_readable(end.tun, 0)));
	expect_only(DROP_REASON_COUNT, 0);
}

Test(offload, segments_of_tcp_over_ipv4_are_written_as_one)
{
	expect_joined(false, TCP);
}

Test(offload, segments_of_tcp_over_ipv6_are_written_as_one)
{
	expect_joined(true, TCP);
}

Test(offload, datagrams_of_udp_over_ipv4_are_written_as_one)
{
	expect_joined(false, UDP);
}

Test(offload, datagrams_of_udp_over_ipv6_are_written_as_one)
{
	expect_joined(true, UDP);
}

/* The bytes that wait for their turn are joined with those that come in it. */
Test(offload, segments_put_back_in_order_are_written_as_one)
{
	struct super s = super_of(0, TCP, 3, 30 * GSO_SIZE, GSO_SIZE);
	static uint8_t want[IP_RIG_PACKET_MAX];
	struct virtio_net_hdr header;
	static struct record r;

	begin_session();
	cr_assert(eq(int, engine_enable_reorder(peer), 0));
	send_segment(&s, 0, 0);
	for (unsigned i = s.count - 1; i > 0; i--)
		send_segment(&s, i, i);
	rig_start(&end);
	read_record(&r);
	build_unfinished(want, &header, &s.spec, s.payload, s.payload_len, s.gso_size);
	cr_assert(eq(sz, r.len, headers_len_of(&s.spec) + s.payload_len));
	ASSERT_BYTES(r.packet, want, r.len);
	cr_expect(eq(u16, r.header.gso_size, GSO_SIZE));
	expect_only(DROP_REASON_COUNT, 0);
}

Test(offload_unjoined, device_that_takes_no_super_packets_gets_each_with_an_empty_header)
{
	struct super s = super_of(0, TCP, 3, 30 * GSO_SIZE, GSO_SIZE);
	static const struct virtio_net_hdr none;
	static struct record r;

	begin_session();
	for (unsigned i = 0; i < s.count; i++)
		send_segment(&s, i, i);
	rig_start(&end);
	for (unsigned i = 0; i < s.count; i++) {
		read_record(&r);
		ASSERT_BYTES(&r.header, &none, sizeof none);
		expect_segment(&s, i, r.packet, r.len);
	}
}

Test(offload, packets_of_a_super_packet_that_the_device_refuses_are_counted_each)
{
	struct super s = super_of(0, TCP, 3, 40 * GSO_SIZE, GSO_SIZE);
	unsigned written = 0, rounds = 20, bytes = 100000;
	static struct record r;
	uint64_t counter = 0;

	cr_assert(eq(int, setsockopt(end.tun_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0));
	begin_session();
	rig_start(&end);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < s.count; i++)
			send_segment(&s, i, counter++);
		rig_until(counter_read(&peer->path[0].rx_packets) == counter);
	}
	engine_stop(end.engine);
	while (rig_is_readable(end.tun, 0)) {
		size_t payload_len;

		read_record(&r);
		payload_len = r.len - headers_len_of(&s.spec);
		written += (unsigned)((payload_len + GSO_SIZE - 1) / GSO_SIZE);
	}
	cr_expect(lt(uint, 0, written));
	cr_expect(lt(uint, written, rounds * s.count));
	expect_only(DROP_TUN_FULL, rounds * s.count - written);
}
