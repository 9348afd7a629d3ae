/* SPDX-License-Identifier: MIT */
/* Packets that come in are joined to super-packets for the device; see offload_rig.h. */
#include <sys/uio.h>

#include "offload_rig.h"

TestSuite(offload_in, .init = offload_setup, .fini = offload_teardown, .timeout = 60);
TestSuite(offload_in_unjoined, .init = offload_setup_without_joining, .fini = offload_teardown,
          .timeout = 60);

/* Seals packet @index of @s with that number and sends it. */
static void send_segment(const struct super *s, unsigned index, uint64_t counter)
{
	uint8_t packet[RIG_DATAGRAM], datagram[RIG_DATAGRAM];
	size_t len = build_segment(packet, &s->spec, s->payload, s->payload_len, s->gso_size, index,
	                           s->count);

	rig_send(offload.far[0], &engine_link(offload.end.engine, 0)->bound, datagram,
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

	cr_assert(rig_is_readable(offload.end.tun, RIG_WAIT_MS), "nothing was written");
	n = readv(offload.end.tun, iov, 2);
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

	offload_begin_session();
	for (unsigned i = 0; i < s.count; i++)
		send_segment(&s, i, i);
	rig_start(&offload.end);
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
	cr_expect(not(rig_is_readable(offload.end.tun, 0)));
	offload_expect_only(DROP_REASON_COUNT, 0);
}

Test(offload_in, segments_of_tcp_over_ipv4_are_written_as_one)
{
	expect_joined(false, TCP);
}

Test(offload_in, segments_of_tcp_over_ipv6_are_written_as_one)
{
	expect_joined(true, TCP);
}

Test(offload_in, datagrams_of_udp_over_ipv4_are_written_as_one)
{
	expect_joined(false, UDP);
}

Test(offload_in, datagrams_of_udp_over_ipv6_are_written_as_one)
{
	expect_joined(true, UDP);
}

/* The bytes that wait for their turn are joined with those that come in it. */
Test(offload_in, segments_put_back_in_order_are_written_as_one)
{
	struct super s = super_of(0, TCP, 3, 30 * GSO_SIZE, GSO_SIZE);
	static uint8_t want[IP_RIG_PACKET_MAX];
	struct virtio_net_hdr header;
	static struct record r;

	offload_begin_session();
	cr_assert(eq(int, engine_enable_reorder(offload.peer), 0));
	send_segment(&s, 0, 0);
	for (unsigned i = s.count - 1; i > 0; i--)
		send_segment(&s, i, i);
	rig_start(&offload.end);
	read_record(&r);
	build_unfinished(want, &header, &s.spec, s.payload, s.payload_len, s.gso_size);
	cr_assert(eq(sz, r.len, headers_len_of(&s.spec) + s.payload_len));
	ASSERT_BYTES(r.packet, want, r.len);
	cr_expect(eq(u16, r.header.gso_size, GSO_SIZE));
	offload_expect_only(DROP_REASON_COUNT, 0);
}

Test(offload_in_unjoined, device_that_takes_no_super_packets_gets_each_with_an_empty_header)
{
	struct super s = super_of(0, TCP, 3, 30 * GSO_SIZE, GSO_SIZE);
	static const struct virtio_net_hdr none;
	static struct record r;

	offload_begin_session();
	for (unsigned i = 0; i < s.count; i++)
		send_segment(&s, i, i);
	rig_start(&offload.end);
	for (unsigned i = 0; i < s.count; i++) {
		read_record(&r);
		ASSERT_BYTES(&r.header, &none, sizeof none);
		expect_segment(&s, i, r.packet, r.len);
	}
}

Test(offload_in, packets_of_a_super_packet_that_the_device_refuses_are_counted_each)
{
	struct super s = super_of(0, TCP, 3, 40 * GSO_SIZE, GSO_SIZE);
	unsigned written = 0, rounds = 20, bytes = 100000;
	static struct record r;
	uint64_t counter = 0;

	cr_assert(eq(int,
	             setsockopt(offload.end.tun_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes),
	             0));
	offload_begin_session();
	rig_start(&offload.end);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < s.count; i++)
			send_segment(&s, i, counter++);
		rig_until(counter_read(&offload.peer->path[0].rx_packets) == counter);
	}
	engine_stop(offload.end.engine);
	while (rig_is_readable(offload.end.tun, 0)) {
		size_t payload_len;

		read_record(&r);
		payload_len = r.len - headers_len_of(&s.spec);
		written += (unsigned)((payload_len + GSO_SIZE - 1) / GSO_SIZE);
	}
	cr_expect(lt(uint, 0, written));
	cr_expect(lt(uint, written, rounds * s.count));
	offload_expect_only(DROP_TUN_FULL, rounds * s.count - written);
}
