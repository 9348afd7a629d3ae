/* SPDX-License-Identifier: MIT */
/* What the kernel must not hand over: it gives no packets, or sound ones. */
#include "dataplane/super_packet.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "ip_rig.h"

TestSuite(super_packet_wrong, .timeout = 120);

static uint8_t super[IP_RIG_PACKET_MAX];
static uint8_t payload[IP_RIG_PACKET_MAX];
static uint8_t expected[IP_RIG_PACKET_MAX];

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

Test(super_packet_wrong, contradiction_gives_no_packet)
{
	for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
		const struct contradiction *c = &contradictions[i];
		struct ip_spec spec = usual_spec(false, TCP);
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
Test(super_packet_wrong, place_of_the_checksum_is_found_where_none_is_told)
{
	struct ip_spec specs[] = {usual_spec(false, TCP), usual_spec(true, TCP),
	                          usual_spec(false, UDP), usual_spec(true, UDP)};

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

Test(super_packet_wrong, no_payload_and_no_room_for_the_header_give_no_packet)
{
	struct ip_spec specs[] = {usual_spec(false, TCP), usual_spec(true, TCP),
	                          usual_spec(false, UDP), usual_spec(true, UDP)};

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

Test(super_packet_wrong, tcp_header_that_reaches_the_end_leaves_no_payload)
{
	struct ip_spec spec = usual_spec(false, TCP);
	struct virtio_net_hdr header;
	struct super_packet s;
	size_t len = build_unfinished(super, &header, &spec, payload, 40, 1);

	super[20 + 12] = 0xf0; /* 60 bytes, which are all there are */
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 0));
	super[20 + 12] = 0xe0;
	cr_expect(eq(uint, super_packet_begin(&s, &header, super, len), 4));
}

Test(super_packet_wrong, routing_header_is_passed_only_when_used_up)
{
	struct ip_spec spec = usual_spec(true, TCP);
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

Test(super_packet_wrong, random_headers_give_no_packet_or_sound_ones)
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

Test(super_packet_wrong, damaged_packets_give_no_packet_or_sound_ones)
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
