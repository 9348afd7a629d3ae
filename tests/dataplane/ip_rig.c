/* SPDX-License-Identifier: MIT */
#include "ip_rig.h"

/* ---- random numbers ---- */

static uint64_t ip_rig_state;

void seed_random(uint64_t seed)
{
	fprintf(stderr, "seed %" PRIu64 "\n", seed);
	ip_rig_state = seed * 0x2545f4914f6cdd1du + 1;
}

uint32_t draw(uint32_t below)
{
	ip_rig_state ^= ip_rig_state >> 12;
	ip_rig_state ^= ip_rig_state << 25;
	ip_rig_state ^= ip_rig_state >> 27;
	return (uint32_t)((ip_rig_state * 0x2545f4914f6cdd1du) >> 32) % below;
}

void fill_random(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)draw(256);
}

/* ---- checksums ---- */

uint16_t slow_sum(uint16_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		uint32_t next = sum + ((uint32_t)at[i] << 8 | (i + 1 < len ? at[i + 1] : 0));

		sum = (uint16_t)(next > 0xffff ? next - 0xffff : next);
	}
	return sum;
}

uint16_t slow_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	uint8_t pseudo[40] = {[39] = protocol};

	store_be32(pseudo + 32, (uint32_t)len);
	if (ip[0] >> 4 == 4)
		memcpy(pseudo, ip + 12, 8); /* zeros behind it count nothing */
	else
		memcpy(pseudo, ip + 8, 32);
	return slow_sum(0, pseudo, sizeof pseudo);
}

void set_ipv4_checksum(uint8_t *ip)
{
	store_be16(ip + 10, 0);
	store_be16(ip + 10, (uint16_t)~slow_sum(0, ip, (ip[0] & 0xf) * 4u));
}

/* ---- building ---- */

size_t ip_len_of(const struct ip_spec *spec)
{
	return (spec->is_v6 ? 40 : 20) + spec->ip_extra_len;
}

size_t headers_len_of(const struct ip_spec *spec)
{
	return ip_len_of(spec) +
	       (spec->protocol == TCP ? 20 + spec->options_len : 8); /* of ICMP too */
}

static void build_ipv4(uint8_t *ip, const struct ip_spec *spec, size_t len)
{
	ip[0] = (uint8_t)(0x45 + spec->ip_extra_len / 4);
	ip[1] = spec->tos;
	store_be16(ip + 2, (uint16_t)len);
	store_be16(ip + 4, spec->id);
	store_be16(ip + 6, spec->fragment);
	ip[8] = spec->ttl;
	ip[9] = spec->protocol;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, spec->host[0], 10, 0, 1, spec->host[1]}, 8);
	memset(ip + 20, 1, spec->ip_extra_len); /* no operation */
	set_ipv4_checksum(ip);
}

static void build_ipv6(uint8_t *ip, const struct ip_spec *spec, size_t len)
{
	static const uint8_t prefix[8] = {0xfd, 0, 0, 1, 2, 3, 4, 5};

	store_be32(ip, 6u << 28 | (uint32_t)spec->tos << 20 | spec->flow_label);
	store_be16(ip + 4, (uint16_t)(len - 40));
	ip[6] = spec->ip_extra_len ? 60 : spec->protocol;
	ip[7] = spec->ttl;
	memset(ip + 8, 0, 32);
	memcpy(ip + 8, prefix, 8);
	memcpy(ip + 24, prefix, 8);
	ip[23] = spec->host[0];
	ip[39] = spec->host[1];
	if (spec->ip_extra_len) {
		memset(ip + 40, 0, spec->ip_extra_len); /* Pad1 */
		ip[40] = spec->protocol;
		ip[41] = (uint8_t)(spec->ip_extra_len / 8 - 1);
	}
}

static void build_transport(uint8_t *at, const struct ip_spec *spec, size_t len)
{
	memset(at, 0, 8);
	if (spec->protocol == ICMP) {
		at[0] = 8; /* echo request; nobody here looks at its checksum */
		return;
	}
	store_be16(at, spec->port[0]);
	store_be16(at + 2, spec->port[1]);
	if (spec->protocol == UDP) {
		store_be16(at + 4, (uint16_t)len);
		return;
	}
	store_be32(at + 4, spec->seq);
	store_be32(at + 8, spec->ack);
	at[12] = (uint8_t)((5 + spec->options_len / 4) << 4 | spec->reserved);
	at[13] = spec->flags;
	store_be16(at + 14, spec->window);
	store_be16(at + 16, 0);
	store_be16(at + 18, spec->urgent);
	memcpy(at + 20, spec->options, spec->options_len);
}

size_t checksum_at(const struct ip_spec *spec)
{
	return ip_len_of(spec) + (spec->protocol == TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
}

/* Sets the checksum of the packet of @len bytes, whose field is 0. */
static void set_checksum(uint8_t *packet, const struct ip_spec *spec, size_t len)
{
	size_t start = ip_len_of(spec);
	uint16_t sum = slow_sum(slow_pseudo(packet, spec->protocol, len - start), packet + start,
	                        len - start);

	if (spec->protocol == ICMP || spec->has_no_checksum)
		return;
	sum = (uint16_t)~sum;
	store_be16(packet + checksum_at(spec), sum == 0 && spec->protocol == UDP ? 0xffff : sum);
}

size_t build(uint8_t *dst, const struct ip_spec *spec, const uint8_t *payload, size_t payload_len)
{
	size_t headers = headers_len_of(spec), len = headers + payload_len;

	if (spec->is_v6)
		build_ipv6(dst, spec, len);
	else
		build_ipv4(dst, spec, len);
	build_transport(dst + ip_len_of(spec), spec, len - ip_len_of(spec));
	memcpy(dst + headers, payload, payload_len);
	set_checksum(dst, spec, len);
	return len;
}

size_t build_unfinished(uint8_t *dst, struct virtio_net_hdr *header, const struct ip_spec *spec,
                        const uint8_t *payload, size_t payload_len, uint16_t gso_size)
{
	size_t len = build(dst, spec, payload, payload_len), start = ip_len_of(spec);

	store_be16(dst + checksum_at(spec), slow_pseudo(dst, spec->protocol, len - start));
	*header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (uint16_t)start,
		.csum_offset = (uint16_t)(checksum_at(spec) - start),
	};
	if (gso_size) {
		header->gso_type = spec->protocol == UDP ? GSO_UDP_L4
		                   : spec->is_v6         ? VIRTIO_NET_HDR_GSO_TCPV6
		                                         : VIRTIO_NET_HDR_GSO_TCPV4;
		header->gso_size = gso_size;
		header->hdr_len = (uint16_t)headers_len_of(spec);
	}
	return len;
}

size_t build_segment(uint8_t *dst, const struct ip_spec *whole, const uint8_t *payload,
                     size_t payload_len, size_t gso_size, unsigned index, unsigned count)
{
	struct ip_spec spec = *whole;
	size_t at = index * gso_size;

	spec.id = (uint16_t)(whole->id + index);
	spec.seq = whole->seq + (uint32_t)at;
	if (index > 0)
		spec.flags &= (uint8_t)~CWR;
	if (index < count - 1)
		spec.flags &= (uint8_t) ~(PSH | FIN);
	return build(dst, &spec, payload + at, index < count - 1 ? gso_size : payload_len - at);
}

struct ip_spec usual_spec(bool is_v6, uint8_t protocol)
{
	return (struct ip_spec){.is_v6 = is_v6,
	                        .protocol = protocol,
	                        .host = {1, 2},
	                        .ttl = 64,
	                        .id = 0xfffe,
	                        .fragment = DF,
	                        .port = {5000, 80},
	                        .seq = 0xffffff00,
	                        .ack = 7,
	                        .flags = ACK | PSH,
	                        .window = 500};
}

struct ip_spec random_spec(void)
{
	struct ip_spec spec = {
		.is_v6 = draw(2),
		.protocol = draw(3) ? TCP : UDP,
		.host = {(uint8_t)(1 + draw(2)), (uint8_t)(1 + draw(2))},
		.tos = (uint8_t)draw(256),
		.ttl = (uint8_t)(1 + draw(255)),
		.flow_label = draw(1 << 20),
		.id = (uint16_t)draw(65536),
		.fragment = draw(2) ? DF : 0,
		.port = {(uint16_t)(1024 + draw(60000)), 443},
		.seq = draw(4) ? draw(UINT32_MAX) : UINT32_MAX - draw(3000),
		.ack = draw(UINT32_MAX),
		.flags = (uint8_t)(ACK | (draw(2) ? PSH : 0) | (draw(3) ? 0 : ECE)),
		.window = (uint16_t)draw(65536),
		.options_len = draw(2) ? 12 : 4 * draw(11),
	};

	fill_random(spec.options, sizeof spec.options);
	return spec;
}

/* ---- checking ---- */

static const char *transport_fault(const uint8_t *ip, size_t start, size_t len, uint8_t protocol)
{
	size_t room = len - start;
	const uint8_t *at = ip + start;

	if (protocol == TCP) {
		if (room < 20 || at[12] >> 4 < 5 || (at[12] >> 4) * 4u > room)
			return "TCP header length";
	} else if (protocol == UDP) {
		if (room < 8 || load_be16(at + 4) != room)
			return "UDP length";
		if (load_be16(at + 6) == 0)
			return "UDP checksum missing";
	} else {
		return "protocol";
	}
	return slow_sum(slow_pseudo(ip, protocol, room), at, room) == 0xffff ? NULL : "checksum";
}

const char *fault_of(const uint8_t *ip, size_t len)
{
	size_t at = 40;
	uint8_t next;

	if (len >= 20 && ip[0] >> 4 == 4) {
		at = (ip[0] & 0xf) * 4u;
		if (at < 20 || at > len || load_be16(ip + 2) != len)
			return "IPv4 length";
		if (slow_sum(0, ip, at) != 0xffff)
			return "IPv4 header checksum";
		return transport_fault(ip, at, len, ip[9]);
	}
	if (len < 40 || ip[0] >> 4 != 6)
		return "version";
	if (load_be16(ip + 4) + 40u != len)
		return "IPv6 length";
	next = ip[6];
	while (at + 8 <= len && (next == 0 || next == 43 || next == 60)) {
		next = ip[at];
		at += (ip[at + 1] + 1u) * 8;
	}
	return at > len ? "extension headers" : transport_fault(ip, at, len, next);
}
