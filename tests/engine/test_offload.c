/* SPDX-License-Identifier: MIT */
/* Super-packets that the device gives are cut and leave as packets; see offload_rig.h. */
#include <inttypes.h>
#include <sys/uio.h>

#include "dataplane/late.h"
#include "offload_rig.h"

TestSuite(offload, .init = offload_setup, .fini = offload_teardown, .timeout = 60);

/* As the kernel would; waits until the device takes it. */
static void write_record(const struct virtio_net_hdr *header, const void *packet, size_t len)
{
	struct iovec iov[] = {{(void *)header, sizeof *header}, {(void *)packet, len}};
	struct pollfd p = {.fd = offload.end.tun, .events = POLLOUT};
	ssize_t n;

	while ((n = writev(offload.end.tun, iov, 2)) < 0) {
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

/* Reads what @s was cut into from path 0, with the counters from @counter on. */
static void expect_super(const struct super *s, uint64_t counter)
{
	for (unsigned i = 0; i < s->count; i++) {
		uint8_t got[RIG_DATAGRAM];
		uint64_t got_counter;
		size_t len = rig_unseal(offload.far[0], INDEX_THERE, &got_counter, got);

		cr_assert(eq(u64, got_counter, counter + i));
		expect_segment(s, i, got, len);
	}
}

Test(offload, super_packet_leaves_as_sound_packets_in_order)
{
	static const uint8_t protocols[] = {TCP, UDP};
	uint64_t counter = 0;

	offload_begin_session();
	rig_start(&offload.end);
	for (unsigned i = 0; i < 12; i++) {
		size_t len = i < 4 ? PAYLOAD_MAX : 1 + draw(PAYLOAD_MAX);
		struct super s = super_of(i & 1, protocols[i / 2 % 2], i, len, GSO_SIZE);

		write_super(&s);
		expect_super(&s, counter);
		counter += s.count;
	}
	offload_expect_only(DROP_REASON_COUNT, 0);
}

Test(offload, packet_without_checksum_gets_it)
{
	offload_begin_session();
	rig_start(&offload.end);
	for (unsigned i = 0; i < 8; i++) {
		struct super s = super_of(i & 1, i & 2 ? UDP : TCP, i, 1 + draw(1200), 0);
		uint8_t got[RIG_DATAGRAM], want[RIG_DATAGRAM];
		uint64_t counter;

		write_super(&s);
		cr_assert(le(sz, build(want, &s.spec, s.payload, s.payload_len),
		             rig_unseal(offload.far[0], INDEX_THERE, &counter, got)));
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

	rig_publish_paths(offload.peer, BONDING_AGGREGATE, PATHS, NULL);
	offload_begin_session();
	rig_start(&offload.end);
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
				p[i] = (struct pollfd){.fd = offload.far[i], .events = POLLIN};
			rcu_thread_offline();
			cr_assert(lt(int, 0, poll(p, PATHS, RIG_WAIT_MS)), "%u are missing", left);
			rcu_thread_online();
			while (!p[path].revents)
				path++;
			len = rig_unseal(offload.far[path], INDEX_THERE, &counter, got);
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
	offload_expect_only(DROP_REASON_COUNT, 0);
}

Test(offload, of_super_packets_without_session_the_newest_packets_are_kept)
{
	static struct super supers[SUPERS_MAX];
	unsigned per_super, total, first;

	rig_start(&offload.end);
	for (unsigned i = 0; i < SUPERS_MAX; i++) {
		supers[i] = super_of(i & 1, TCP, i, PAYLOAD_MAX, GSO_SIZE);
		write_super(&supers[i]);
	}
	per_super = supers[0].count;
	total = SUPERS_MAX * per_super;
	first = total - STAGED_MAX;
	rig_until(offload_drops(DROP_STAGED_FULL) == first);
	rig_until(engine_staged(offload.peer) == STAGED_MAX);
	offload_begin_session();
	engine_kick(offload.peer);
	for (unsigned i = first; i < total; i++) {
		uint8_t got[RIG_DATAGRAM];
		uint64_t counter;
		size_t len = rig_unseal(offload.far[0], INDEX_THERE, &counter, got);

		cr_assert(eq(u64, counter, i - first));
		expect_segment(&supers[i / per_super], i % per_super, got, len);
	}
	cr_expect(eq(u64, engine_staged(offload.peer), 0));
	offload_expect_only(DROP_STAGED_FULL, first);
}

/* Each makes more than a hundred batches; the pool has fewer than all of them need. What stands
 * first in the order of leaving is held back, and with it all the others, until the dispatcher
 * waits. The far side may lose some; the system here takes all, or says that its buffer is full.
 */
Test(offload, memory_used_up_within_a_super_packet_is_waited_for)
{
	struct dp_thread *control = &offload.end.engine->control;
	struct batch_pool *pool = &offload.end.engine->dispatcher[0].self.pool;
	uint64_t total = 1;
	struct batch *first;

	offload_begin_session();
	first = late_make(control, offload.peer, offload.kp, 0, LANE_CONTROL, NULL, 0, NULL, 0);
	rig_start(&offload.end);
	for (unsigned i = 0; i < 6; i++) {
		struct super s = super_of(0, TCP, i, PAYLOAD_MAX, 8);

		cr_assert(lt(uint, pool->count * BATCH_MAX, 6 * s.count));
		write_super(&s);
		total += s.count;
	}
	rig_until(atomic_load(&pool->free.is_waiting));
	cr_expect(eq(u64, counter_read(&offload.peer->path[0].tx_packets), 0));
	cr_expect(le(u64, atomic_load(&offload.kp->sent[LANE_ORDERED]), pool->count * BATCH_MAX));
	cr_expect(
		lt(u64, pool->count * BATCH_MAX / 2, atomic_load(&offload.kp->sent[LANE_ORDERED])));
	work_run(control, first);
	rig_until(counter_read(&offload.peer->path[0].tx_packets) +
	                  offload_drops(DROP_SEND_BUFFER) ==
	          total);
	cr_expect(eq(u64, atomic_load(&offload.kp->sent[LANE_ORDERED]), total - 1));
	offload_expect_only(DROP_SEND_BUFFER, offload_drops(DROP_SEND_BUFFER));
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
	offload_begin_session();
	rig_start(&offload.end);
	for (unsigned i = 0; i < 8; i++) {
		write_record(&bad[i], packet, len);
		write_super(&good);
		expect_super(&good, i * good.count);
	}
	write_record(&right, packet, 19); /* no whole IP header */
	write_record(&right, packet, len - 1);
	write_super(&good);
	expect_super(&good, 8 * good.count);
	offload_expect_only(DROP_INNER_MALFORMED, 10);
}

/* Its packets are longer than a slot: the device's MTU was raised. Each is counted. */
Test(offload, super_packet_of_too_long_packets_is_dropped)
{
	struct super s = super_of(0, TCP, 0, 60000, 4000), good = super_of(0, TCP, 1, 100, 0);
	uint64_t counter;
	uint8_t got[RIG_DATAGRAM];

	offload_begin_session();
	rig_start(&offload.end);
	write_super(&s);
	write_super(&good);
	rig_unseal(offload.far[0], INDEX_THERE, &counter, got);
	cr_expect(eq(u64, counter, 0));
	offload_expect_only(DROP_TOO_BIG, 15);
}
