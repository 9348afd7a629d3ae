/* SPDX-License-Identifier: MIT */
#include "dataplane/super_packet.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "ip_rig.h"

TestSuite(super_packet, .timeout = 120);

static uint8_t super[IP_RIG_PACKET_MAX];
static uint8_t payload[IP_RIG_PACKET_MAX];
static uint8_t out[IP_RIG_PACKET_MAX + 1]; /* one more, which must stay as it is */
static uint8_t expected[IP_RIG_PACKET_MAX];

/* ---- single packets ---- */

Test(super_packet, plain_packet_comes_out_as_it_is)
{
	static const uint8_t flags[] = {0, VIRTIO_NET_HDR_F_DATA_VALID};
	struct super_packet s;

	seed_random(1);
	for (size_t len = 1; len < 3000; len += 1 + draw(200)) {
		struct virtio_net_hdr header = {.flags = flags[draw(2)], .csum_start = 5000};

		fill_random(super, len); /* not even IP: that is for others to see */
		cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 1));
		cr_assert(eq(sz, super_packet_next_len(&s), len));
		super_packet_next(&s, out);
		cr_assert(eq(int, memcmp(out, super, len), 0));
		cr_assert(eq(sz, super_packet_next_len(&s), 0));
	}
}

Test(super_packet, nothing_read_is_no_packet)
{
	struct virtio_net_hdr header = {0};
	struct super_packet s;

	cr_assert(eq(uint, super_packet_begin(&s, &header, super, 0), 0));
	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	cr_assert(eq(uint, super_packet_begin(&s, &header, super, 0), 0));
}

Test(super_packet, checksum_that_lacks_is_filled_in)
{
	seed_random(2);
	for (unsigned i = 0; i < 3000; i++) {
		struct ip_spec spec = random_spec();
		size_t payload_len = draw(1500), len;
		struct virtio_net_hdr header;
		struct super_packet s;

		spec.ip_extra_len = 8 * draw(4);
		fill_random(payload, payload_len);
		len = build_unfinished(super, &header, &spec, payload, payload_len, 0);
		build(expected, &spec, payload, payload_len);
		cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 1));
		cr_assert(eq(sz, super_packet_next_len(&s), len));
		super_packet_next(&s, out);
		cr_assert(eq(int, memcmp(out, expected, len), 0), "packet %u", i);
		cr_assert(eq(sz, super_packet_next_len(&s), 0));
	}
}

/* Payload whose sum makes the checksum come out as 0. */
static void find_payload_of_sum_zero(const struct ip_spec *spec, uint8_t two[2])
{
	size_t start = ip_len_of(spec);

	for (unsigned word = 0; word < 0x10000; word++) {
		store_be16(two, (uint16_t)word);
		size_t len = build(super, spec, two, 2);
		store_be16(super + checksum_at(spec), 0);
		if (slow_sum(slow_pseudo(super, spec->protocol, len - start), super + start,
		             len - start) == 0xffff)
			return;
	}
	cr_assert(false, "no such payload");
}

Test(super_packet, checksum_zero_is_written_as_all_ones_in_udp_and_as_zero_in_tcp)
{
	struct ip_spec specs[] = {usual_spec(false, TCP), usual_spec(true, TCP),
	                          usual_spec(false, UDP), usual_spec(true, UDP)};

	for (unsigned i = 0; i < 8; i++) {
		const struct ip_spec *spec = &specs[i / 2];
		struct virtio_net_hdr header;
		struct super_packet s;
		uint8_t two[2];

		find_payload_of_sum_zero(spec, two);
		size_t len = build_unfinished(super, &header, spec, two, 2, i % 2 ? 2 : 0);
		cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 1));
		super_packet_next(&s, out);
		cr_expect(eq(u16, load_be16(out + checksum_at(spec)),
		             spec->protocol == UDP ? 0xffff : 0));
	}
}

/* Any place may be asked for: protocols in tunnels, and such as we know nothing of. */
Test(super_packet, checksum_of_an_inner_packet_is_filled_in)
{
	struct ip_spec outer = usual_spec(false, UDP), inner = usual_spec(true, UDP);
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t inner_len, len;

	seed_random(3);
	fill_random(payload, 99);
	outer.has_no_checksum = true;
	inner_len = build_unfinished(super, &header, &inner, payload, 99, 0);
	len = build(expected, &outer, super, inner_len);
	memcpy(super, expected, len);
	build(out, &inner, payload, 99);
	build(expected, &outer, out, inner_len);
	header.csum_start = (uint16_t)(header.csum_start + headers_len_of(&outer));
	cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 1));
	super_packet_next(&s, out);
	cr_assert(eq(int, memcmp(out, expected, len), 0));
}

/* ---- cutting ---- */

/* Cuts a super packet of @payload and compares each segment with the one built singly. */
static void check_cut(const struct ip_spec *spec, size_t payload_len, size_t gso_size,
                      uint8_t gso_flag)
{
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t len =
		build_unfinished(super, &header, spec, payload, payload_len, (uint16_t)gso_size);
	unsigned count = (unsigned)((payload_len + gso_size - 1) / gso_size);

	header.gso_type |= gso_flag;
	header.hdr_len = (uint16_t)draw(65536); /* a hint only */
	cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), count), "%zu bytes by %zu",
	          payload_len, gso_size);
	for (unsigned i = 0; i < count; i++) {
		size_t segment_len =
			build_segment(expected, spec, payload, payload_len, gso_size, i, count);

		cr_assert(eq(sz, super_packet_next_len(&s), segment_len), "segment %u", i);
		memset(out, 0xee, segment_len + 1);
		super_packet_next(&s, out);
		cr_assert(eq(int, memcmp(out, expected, segment_len), 0),
		          "segment %u of %u, %zu bytes by %zu", i, count, payload_len, gso_size);
		cr_assert(eq(u8, out[segment_len], 0xee));
	}
	cr_assert(eq(sz, super_packet_next_len(&s), 0));
}

/* Whichever are skipped, the others are what they are, and the last one's length is known. */
static void check_skips(const struct ip_spec *spec, size_t payload_len, size_t gso_size)
{
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t len =
		build_unfinished(super, &header, spec, payload, payload_len, (uint16_t)gso_size);
	size_t n = 0, last;
	unsigned count = super_packet_begin(&s, &header, super, len);

	last = super_packet_last_len(&s);
	for (unsigned i = 0; i < count; i++) {
		cr_assert(eq(uint, super_packet_left(&s), count - i));
		cr_assert(eq(sz, super_packet_last_len(&s), last));
		n = super_packet_next_len(&s);
		if (draw(2)) {
			super_packet_skip(&s);
			continue;
		}
		build_segment(expected, spec, payload, payload_len, gso_size, i, count);
		super_packet_next(&s, out);
		cr_assert(eq(int, memcmp(out, expected, n), 0), "segment %u of %u", i, count);
	}
	cr_assert(eq(sz, n, last));
	cr_assert(eq(sz, super_packet_next_len(&s), 0));
}

Test(super_packet, packets_that_are_skipped_change_nothing_of_the_others)
{
	struct ip_spec specs[] = {usual_spec(false, TCP), usual_spec(true, TCP),
	                          usual_spec(false, UDP), usual_spec(true, UDP)};

	seed_random(10);
	fill_random(payload, sizeof payload);
	for (unsigned i = 0; i < 200; i++)
		check_skips(&specs[i % 4], 1 + draw(20000), 1 + draw(1500));
	check_skips(&specs[0], 3000, 1000);
	check_skips(&specs[0], 1000, 1000);
}

Test(super_packet, segments_are_what_packets_built_singly_are)
{
	seed_random(4);
	fill_random(payload, sizeof payload);
	for (unsigned i = 0; i < 600; i++) {
		struct ip_spec spec = random_spec();
		uint8_t flag = spec.protocol == TCP && draw(2) ? VIRTIO_NET_HDR_GSO_ECN : 0;
		size_t room, gso_size = draw(2) ? 1000 + draw(500) : 1 + draw(9000);

		spec.flags |= (uint8_t)((draw(3) ? 0 : FIN) | (draw(3) ? 0 : CWR));
		spec.ip_extra_len = draw(3) ? 0 : 8 * draw(5);
		spec.reserved = (uint8_t)draw(16);
		room = 65535 - headers_len_of(&spec);
		check_cut(&spec, 1 + draw(draw(4) ? 20 * (uint32_t)gso_size : room) % room,
		          gso_size, flag);
	}
}

Test(super_packet, edges_of_length)
{
	static const size_t edges[][2] = {
		{1, 1}, /* payload, gso_size */
		{2, 1},         {300, 1},       {1, 1000},      {999, 1000},    {1000, 1000},
		{1001, 1000},   {1999, 1000},   {2000, 1000},   {2001, 1000},   {60000, 1000},
		{60000, 59999}, {60000, 60000}, {60000, 60001}, {60000, 65535},
	};
	struct ip_spec specs[] = {usual_spec(false, TCP), usual_spec(true, TCP),
	                          usual_spec(false, UDP), usual_spec(true, UDP)};

	seed_random(5);
	fill_random(payload, sizeof payload);
	for (unsigned k = 0; k < 4; k++) {
		size_t most = (specs[k].is_v6 ? 65535 + 40 : 65535) - headers_len_of(&specs[k]);

		for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
			check_cut(&specs[k], edges[i][0], edges[i][1], 0);
		check_cut(&specs[k], most, 1400, 0); /* the most an IP header can claim */
		check_cut(&specs[k], most, 65535, 0);
		check_cut(&specs[k], most, most - 1, 0);
	}
}

Test(super_packet, push_and_fin_are_of_the_last_and_cwr_is_of_the_first)
{
	static const uint8_t flags[3] = {ACK | ECE | URG | CWR, ACK | ECE | URG,
	                                 ACK | ECE | URG | PSH | FIN};
	struct ip_spec spec = usual_spec(false, TCP);
	struct virtio_net_hdr header;
	struct super_packet s;

	spec.flags = ACK | ECE | URG | PSH | FIN | CWR;
	size_t len = build_unfinished(super, &header, &spec, payload, 300, 100);
	cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 3));
	for (unsigned i = 0; i < 3; i++) {
		super_packet_next(&s, out);
		cr_expect(eq(u8, out[20 + 13], flags[i]));
		cr_expect(eq(u32, load_be32(out + 20 + 4), spec.seq + 100 * i));
		cr_expect(eq(u16, load_be16(out + 4), (uint16_t)(spec.id + i)));
	}
}

Test(super_packet, length_and_checksum_it_came_with_do_not_matter)
{
	struct ip_spec spec = usual_spec(false, UDP);
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t len = build_unfinished(super, &header, &spec, payload, 250, 100);

	memset(super + 20 + 4, 0x77, 4);
	cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 3));
	for (unsigned i = 0; i < 3; i++) {
		len = build_segment(expected, &spec, payload, 250, 100, i, 3);
		super_packet_next(&s, out);
		cr_expect(eq(int, memcmp(out, expected, len), 0));
	}
}

Test(super_packet, headers_may_be_as_long_as_the_limit)
{
	struct ip_spec specs[] = {usual_spec(true, TCP), usual_spec(true, UDP)};

	seed_random(6);
	for (unsigned i = 0; i < 2; i++) {
		struct ip_spec spec = specs[i];
		struct virtio_net_hdr header;
		struct super_packet s;

		spec.options_len = spec.protocol == TCP ? 4 : 0;
		spec.ip_extra_len = SUPER_PACKET_HEADERS_MAX - headers_len_of(&spec);
		check_cut(&spec, 3000, 1000, 0);
		spec.ip_extra_len += 8;
		size_t len = build_unfinished(super, &header, &spec, payload, 3000, 1000);
		cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
	}
}

Test(super_packet, longest_headers_of_ipv4_and_tcp)
{
	struct ip_spec spec = usual_spec(false, TCP);

	seed_random(7);
	spec.ip_extra_len = spec.options_len = 40;
	fill_random(spec.options, sizeof spec.options);
	check_cut(&spec, 10001, 100, 0);
}
