/* SPDX-License-Identifier: MIT */
#include "dataplane/super_packet.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "ip_rig.h"

TestSuite(super_packet, .timeout = 120);

static uint8_t super[IP_RIG_PACKET_MAX];
static uint8_t payload[IP_RIG_PACKET_MAX];
static uint8_t out[IP_RIG_PACKET_MAX + 1]; /* one more, which must stay as it is */
static uint8_t expected[IP_RIG_PACKET_MAX];

static const struct ip_spec tcp4 = {.protocol = TCP,
                                    .host = {1, 2},
                                    .ttl = 64,
                                    .id = 0xfffe,
                                    .fragment = DF,
                                    .port = {5000, 80},
                                    .seq = 0xffffff00,
                                    .ack = 7,
                                    .flags = ACK | PSH,
                                    .window = 500};

static struct ip_spec tcp6_spec(void)
{
	struct ip_spec spec = tcp4;

	spec.is_v6 = true;
	return spec;
}

static struct ip_spec udp_of(struct ip_spec spec)
{
	spec.protocol = UDP;
	return spec;
}

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
	struct ip_spec specs[] = {tcp4, tcp6_spec(), udp_of(tcp4), udp_of(tcp6_spec())};

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
	struct ip_spec outer = udp_of(tcp4), inner = udp_of(tcp6_spec());
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
	struct ip_spec specs[] = {tcp4, tcp6_spec(), udp_of(tcp4), udp_of(tcp6_spec())};

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
	struct ip_spec spec = tcp4;
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
	struct ip_spec spec = udp_of(tcp4);
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
	struct ip_spec specs[] = {tcp6_spec(), udp_of(tcp6_spec())};

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
	struct ip_spec spec = tcp4;

	seed_random(7);
	spec.ip_extra_len = spec.options_len = 40;
	fill_random(spec.options, sizeof spec.options);
	check_cut(&spec, 10001, 100, 0);
}

/* ---- contradictions ---- */

/* One change to a sound super packet, by which it is sound no more. */
struct contradiction {
	const char *text;
	bool is_v6;
	uint8_t protocol;
	int16_t at; /* packet byte to set to @value; -1: none */
	uint8_t value;
	struct virtio_net_hdr header; /* to be used where has_header */
	bool has_header;
	int len_change;
};

#define HEADER(type, size, start, offset) \
	.at = -1, .has_header = true,     \
	.header = {VIRTIO_NET_HDR_F_NEEDS_CSUM, type, 40, size, start, offset}

static const struct contradiction contradictions[] = {
	{"gso_size 0", false, TCP, HEADER(1, 0, 20, 16)},
	{"no place of the checksum, and no protocol that tells", false, TCP, .at = 9, .value = 47,
         .has_header = true, .header = {0, 1, 40, 100, 0, 0}},
	{"unknown type", false, TCP, HEADER(2, 100, 20, 16)},
	{"UFO", false, UDP, HEADER(VIRTIO_NET_HDR_GSO_UDP, 100, 20, 6)},
	{"UDP with ECN", false, UDP, HEADER(GSO_UDP_L4 | 0x80, 100, 20, 6)},
	{"ECN alone", false, TCP, HEADER(0x80, 100, 20, 16)},
	{"type of IPv6", false, TCP, HEADER(4, 100, 20, 16)},
	{"type of IPv4", true, TCP, HEADER(1, 100, 40, 16)},
	{"type of UDP on TCP", false, TCP, HEADER(GSO_UDP_L4, 100, 20, 6)},
	{"type of TCP on UDP", false, UDP, HEADER(1, 100, 20, 16)},
	{"type of TCP on UDP", true, UDP, HEADER(4, 100, 40, 16)},
	{"start before the transport header", false, TCP, HEADER(1, 100, 19, 16)},
	{"start behind the transport header", false, TCP, HEADER(1, 100, 24, 16)},
	{"start in the IP header", true, TCP, HEADER(4, 100, 20, 16)},
	{"start behind what is no extension", true, TCP, HEADER(4, 100, 48, 16)},
	{"start 0", false, TCP, HEADER(1, 100, 0, 16)},
	{"start at the end", false, TCP, HEADER(1, 100, 540, 16)},
	{"start beyond", false, TCP, HEADER(1, 100, 65535, 16)},
	{"offset of UDP", false, TCP, HEADER(1, 100, 20, 6)},
	{"offset of TCP", false, UDP, HEADER(GSO_UDP_L4, 100, 20, 16)},
	{"offset beyond", false, TCP, HEADER(1, 100, 20, 65535)},
	{"version 5", false, TCP, 0, 0x55},
	{"version 6", false, TCP, 0, 0x65},
	{"version 4", true, TCP, 0, 0x45},
	{"IPv4 header too short", false, TCP, 0, 0x44},
	{"IPv4 header longer than start", false, TCP, 0, 0x46},
	{"IPv4 length less", false, TCP, 3, 0},
	{"IPv4 length more", false, TCP, 2, 0xff},
	{"IPv6 length less", true, TCP, 5, 0},
	{"IPv6 length more", true, TCP, 4, 0xff},
	{"more fragments", false, TCP, 6, 0x20},
	{"fragment offset", false, TCP, 7, 1},
	{"other protocol", false, TCP, 9, 132},
	{"other next header", true, TCP, 6, 132},
	{"fragment header", true, TCP, 6, 44},
	{"TCP header too short", false, TCP, 20 + 12, 0x40},
	{"one byte less", false, TCP, .at = -1, .len_change = -1},
	{"one byte less", true, UDP, .at = -1, .len_change = -1},
	{"one byte more", true, TCP, .at = -1, .len_change = 1},
	{"headers only", false, TCP, .at = -1, .len_change = -500},
};

Test(super_packet, contradiction_gives_no_packet)
{
	for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
		const struct contradiction *c = &contradictions[i];
		struct ip_spec spec = tcp4;
		struct virtio_net_hdr header;
		struct super_packet s;

		spec.is_v6 = c->is_v6;
		spec.protocol = c->protocol;
		size_t len = build_unfinished(super, &header, &spec, payload, 500, 100);
		cr_assert(eq(uint, super_packet_begin(&s, &header, super, len), 5));
		if (c->at >= 0)
			super[c->at] = c->value;
		if (c->has_header)
			header = c->header;
		len += (size_t)c->len_change;
		cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0), "%s", c->text);
	}
}

/* As the kernel passes on what it has verified. */
Test(super_packet, place_of_the_checksum_is_found_where_none_is_told)
{
	struct ip_spec specs[] = {tcp4, tcp6_spec(), udp_of(tcp4), udp_of(tcp6_spec())};

	for (unsigned i = 0; i < 4; i++) {
		struct virtio_net_hdr header, bare;
		struct super_packet told, found;
		size_t len = build_unfinished(super, &header, &specs[i], payload, 450, 100);

		bare = (struct virtio_net_hdr){.gso_type = header.gso_type,
		                               .gso_size = header.gso_size};
		cr_assert(eq(uint, super_packet_begin(&told, &header, super, len), 5));
		cr_assert(eq(uint, super_packet_begin(&found, &bare, super, len), 5));
		for (unsigned k = 0; k < 5; k++) {
			uint8_t a[1500], b[1500];
			size_t n = super_packet_next_len(&told);

			cr_assert(eq(sz, super_packet_next_len(&found), n));
			super_packet_next(&told, a);
			super_packet_next(&found, b);
			cr_expect(eq(int, memcmp(a, b, n), 0), "kind %u, packet %u", i, k);
		}
	}
}

Test(super_packet, no_payload_and_no_room_for_the_header_give_no_packet)
{
	struct ip_spec specs[] = {tcp4, tcp6_spec(), udp_of(tcp4), udp_of(tcp6_spec())};

	for (unsigned i = 0; i < 4; i++) {
		struct virtio_net_hdr header;
		struct super_packet s;
		size_t ip_len = ip_len_of(&specs[i]);
		size_t len = build_unfinished(super, &header, &specs[i], payload, 0, 100);

		for (; len > 0; len--) {
			if (specs[i].is_v6)
				store_be16(super + 4, (uint16_t)(len < 40 ? 0 : len - 40));
			else
				store_be16(super + 2, (uint16_t)len);
			cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
			header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
			cr_expect(eq(uint, super_packet_begin(&s, &header, super, len),
			             len >= ip_len + header.csum_offset + 2));
			header.gso_type = specs[i].protocol == UDP ? GSO_UDP_L4
			                  : specs[i].is_v6         ? VIRTIO_NET_HDR_GSO_TCPV6
			                                           : VIRTIO_NET_HDR_GSO_TCPV4;
		}
	}
}

Test(super_packet, tcp_header_that_reaches_the_end_leaves_no_payload)
{
	struct ip_spec spec = tcp4;
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t len = build_unfinished(super, &header, &spec, payload, 40, 1);

	super[20 + 12] = 0xf0; /* 60 bytes, which are all there are */
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
	super[20 + 12] = 0xe0;
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 4));
}

Test(super_packet, routing_header_is_passed_only_when_used_up)
{
	struct ip_spec spec = tcp6_spec();
	struct virtio_net_hdr header;
	struct super_packet s;

	spec.ip_extra_len = 24;
	size_t len = build_unfinished(super, &header, &spec, payload, 500, 100);
	super[6] = 43;
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 5));
	super[43] = 1; /* segments left */
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
	super[6] = 0; /* as hop-by-hop options the byte means something else */
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 5));
	super[41] = 255; /* an extension header as long as can be, beyond all bounds */
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
}

/* ---- anything at all: no packets, or sound ones ---- */

/* Completes a single packet as virtio 1.2 5.1.6.2 says. */
static void complete(uint8_t *packet, size_t len, const struct virtio_net_hdr *header)
{
	size_t start = header->csum_start;
	uint16_t sum = (uint16_t)~slow_sum(0, packet + start, len - start);

	if (header->csum_offset == UDP_CHECKSUM && sum == 0)
		sum = 0xffff;
	store_be16(packet + start + header->csum_offset, sum);
}

/* Returns how many packets came out, each of them checked. */
static unsigned check_any(const struct virtio_net_hdr *header, const uint8_t *packet, size_t len)
{
	uint8_t *exact = malloc(len), *dst;
	struct super_packet s;
	unsigned count, i = 0;
	size_t n, total = 0;

	cr_assert(ne(ptr, exact, NULL));
	memcpy(exact, packet, len);
	count = super_packet_begin(&s, header, exact, len);
	while (count && (n = super_packet_next_len(&s))) {
		dst = malloc(n);
		cr_assert(ne(ptr, dst, NULL));
		super_packet_next(&s, dst);
		if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
			const char *fault = fault_of(dst, n);

			cr_assert(eq(ptr, (void *)fault, NULL), "%s", fault);
			total += n - s.header_len;
		} else if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
			memcpy(expected, packet, len);
			complete(expected, len, header);
			cr_assert(eq(int, memcmp(dst, expected, len), 0));
		}
		free(dst);
		i++;
	}
	cr_assert(eq(uint, i, count));
	if (count && header->gso_type)
		cr_assert(eq(sz, total + s.header_len, len));
	free(exact);
	return count;
}

static uint16_t random_offset(size_t len)
{
	static const uint16_t usual[] = {0, 6, 16, 20, 40, 60, 65535};

	return draw(3) ? usual[draw(7)] : (uint16_t)draw(draw(2) ? (uint32_t)len + 20 : 65536);
}

Test(super_packet, random_headers_give_no_packet_or_sound_ones)
{
	static const uint8_t types[] = {0, 1, 3, 4, 5, 0x81, 0x84, 0x85, 0x80};
	unsigned refused = 0, cut = 0, single = 0, count;

	seed_random(8);
	fill_random(payload, sizeof payload);
	for (unsigned i = 0; i < 200000; i++) {
		struct ip_spec spec = random_spec();
		struct virtio_net_hdr header, sound;
		size_t len;

		spec.ip_extra_len = draw(4) ? 0 : 8 * draw(4);
		len = build_unfinished(super, &sound, &spec, payload, draw(300),
		                       (uint16_t)(1 + draw(400)));
		header = (struct virtio_net_hdr){
			.flags = (uint8_t)(draw(8) ? draw(4) | 1 : draw(256)),
			.gso_type = draw(8) ? types[draw(sizeof types)] : (uint8_t)draw(256),
			.hdr_len = (uint16_t)draw(65536),
			.gso_size = (uint16_t)(draw(4) ? draw(300) : draw(65536)),
			.csum_start = draw(3) ? sound.csum_start : random_offset(len),
			.csum_offset = draw(3) ? sound.csum_offset : random_offset(len),
		};
		count = check_any(&header, super, len);
		refused += count == 0;
		single += count && header.gso_type == 0;
		cut += count && header.gso_type != 0;
	}
	fprintf(stderr, "%u refused, %u single, %u cut\n", refused, single, cut);
	cr_assert(lt(uint, 1000, refused));
	cr_assert(lt(uint, 1000, single));
	cr_assert(lt(uint, 1000, cut));
}

Test(super_packet, damaged_packets_give_no_packet_or_sound_ones)
{
	unsigned cut = 0;

	seed_random(9);
	fill_random(payload, sizeof payload);
	for (unsigned i = 0; i < 100000; i++) {
		struct ip_spec spec = random_spec();
		struct virtio_net_hdr header;
		size_t len, headers;

		spec.ip_extra_len = draw(3) ? 0 : 8 * draw(4);
		headers = headers_len_of(&spec);
		len = build_unfinished(super, &header, &spec, payload, draw(300),
		                       (uint16_t)(1 + draw(400)));
		for (unsigned k = 0; k < 1 + draw(3); k++)
			super[draw((uint32_t)headers)] = (uint8_t)draw(256);
		if (draw(8) == 0)
			len = draw((uint32_t)len) + 1;
		cut += check_any(&header, super, len) > 0;
	}
	fprintf(stderr, "%u cut\n", cut);
	cr_assert(lt(uint, 1000, cut));
}
