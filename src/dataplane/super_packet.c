/* SPDX-License-Identifier: MIT */
/* A single packet that lacks its checksum has the sum of the pseudo header in its field: what is
 * over everything from csum_start belongs there. A segment gets the sum of its own pseudo header
 * there, and from then on it is the same.
 */
#include "dataplane/super_packet.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/ip.h"

/* ---- is it what the header says? ---- */

/* csum_start and csum_offset lie behind an IP header and inside the packet. */
static bool has_checksum_field(const struct virtio_net_hdr *header, const uint8_t *packet,
                               size_t len)
{
	size_t ip_len = ip_is_v4(packet) ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);

	return header->csum_start >= ip_len &&
	       header->csum_start + header->csum_offset + sizeof(uint16_t) <= len;
}

static bool is_before_transport4(const uint8_t *packet, size_t transport, uint8_t protocol)
{
	uint16_t fragment = load_be16(packet + offsetof(struct iphdr, frag_off));

	return (packet[0] & 0xfu) * 4 == transport && transport >= sizeof(struct iphdr) &&
	       packet[offsetof(struct iphdr, protocol)] == protocol &&
	       !(fragment & (IP_MF | IP_OFFMASK));
}

/* Follows the extension headers (RFC 8200 4) to @transport, behind which there are 8 bytes more. A
 * routing header still in use is refused: the checksum is over another destination then.
 */
static bool is_before_transport6(const uint8_t *packet, size_t transport, uint8_t protocol)
{
	uint8_t next = packet[offsetof(struct ip6_hdr, ip6_nxt)];
	size_t at = sizeof(struct ip6_hdr);

	while (at < transport) {
		const struct ip6_rthdr *ext = (const struct ip6_rthdr *)(packet + at);

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS &&
		    (next != IPPROTO_ROUTING || ext->ip6r_segleft))
			return false;
		next = ext->ip6r_nxt;
		at += (ext->ip6r_len + 1u) * 8;
	}
	return at == transport && next == protocol;
}

/* Length of the headers of a packet to be cut, 0 when they are not of the kind it should be. */
static size_t gso_header_len(const struct virtio_net_hdr *header, const uint8_t *packet, size_t len)
{
	bool is_udp = header->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	uint8_t protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	size_t shortest = is_udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
	size_t field = is_udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check);
	size_t start = header->csum_start, transport_len;

	if (header->csum_offset != field || start + shortest > len)
		return 0;
	if (ip_is_v4(packet) ? !is_before_transport4(packet, start, protocol)
	                     : !is_before_transport6(packet, start, protocol))
		return 0;
	transport_len = is_udp ? shortest : (packet[start + TCP_DATA_OFFSET] >> 4) * 4u;
	return transport_len < shortest ? 0 : start + transport_len;
}

/* VIRTIO_NET_HDR_GSO_ECN only says that CWR is set, which the flags tell as well. */
static bool is_type_of(uint8_t gso_type, const uint8_t *packet)
{
	switch (gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN:
		return ip_is_v4(packet);
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN:
		return !ip_is_v4(packet);
	default:
		return gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	}
}

/* ---- cutting ---- */

static unsigned begin_gso(struct super_packet *s, const struct virtio_net_hdr *header)
{
	size_t header_len;

	if (s->checksum_offset == 0 || header->gso_size == 0 ||
	    !is_type_of(header->gso_type, s->packet))
		return 0;
	header_len = gso_header_len(header, s->packet, s->len);
	if (header_len == 0 || header_len > SUPER_PACKET_HEADERS_MAX || header_len >= s->len)
		return 0;
	s->header_len = (uint32_t)header_len;
	s->payload_max = header->gso_size;
	s->at = header_len;
	return (unsigned)((s->len - header_len + s->payload_max - 1) / s->payload_max);
}

/* A super-packet that is merely passed on, its checksums already verified, comes without the place
 * of its checksum: that then is where the protocols have it. False when it is not TCP or UDP right
 * behind the IP header.
 */
static bool find_checksum(struct virtio_net_hdr *header, const uint8_t *packet, size_t len)
{
	uint8_t protocol;

	if (len < sizeof(struct ip6_hdr))
		return false;
	header->csum_start = ip_is_v4(packet) ? (packet[0] & 0xf) * 4 : sizeof(struct ip6_hdr);
	protocol = packet[ip_is_v4(packet) ? offsetof(struct iphdr, protocol)
	                                   : offsetof(struct ip6_hdr, ip6_nxt)];
	header->csum_offset = protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check)
	                                              : offsetof(struct udphdr, check);
	header->flags |= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

unsigned super_packet_begin(struct super_packet *s, const struct virtio_net_hdr *given,
                            const uint8_t *packet, size_t len)
{
	struct virtio_net_hdr copy = *given;
	const struct virtio_net_hdr *header = &copy;

	if (copy.gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    !(copy.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !find_checksum(&copy, packet, len))
		return 0;
	*s = (struct super_packet){.packet = packet, .len = len, .payload_max = (uint32_t)len};
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (ip_packet_len(packet, len) != len || !has_checksum_field(header, packet, len))
			return 0;
		s->transport_offset = header->csum_start;
		s->checksum_offset = (uint32_t)header->csum_start + header->csum_offset;
	}
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return begin_gso(s, header);
	return len > 0;
}

static size_t next_payload_len(const struct super_packet *s)
{
	size_t left = s->len - s->at;

	return left < s->payload_max ? left : s->payload_max;
}

size_t super_packet_next_len(const struct super_packet *s)
{
	return s->at < s->len ? s->header_len + next_payload_len(s) : 0;
}

size_t super_packet_last_len(const struct super_packet *s)
{
	size_t rest = (s->len - s->at) % s->payload_max;

	return s->header_len + (rest ? rest : s->payload_max);
}

unsigned super_packet_left(const struct super_packet *s)
{
	return (unsigned)((s->len - s->at + s->payload_max - 1) / s->payload_max);
}

static void set_ip(const struct super_packet *s, uint8_t *dst, size_t len)
{
	if (ip_is_v4(dst)) {
		uint16_t id = load_be16(dst + offsetof(struct iphdr, id));

		store_be16(dst + offsetof(struct iphdr, id), (uint16_t)(id + s->index));
	}
	ip_set_len(dst, len, s->transport_offset);
}

static void set_tcp(const struct super_packet *s, uint8_t *tcp, bool is_last)
{
	uint32_t seq = load_be32(tcp + offsetof(struct tcphdr, seq));

	store_be32(tcp + offsetof(struct tcphdr, seq), seq + s->index * s->payload_max);
	if (!is_last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TH_FIN | TH_PUSH);
	if (s->index)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

/* Everything in which a segment of @len bytes differs from the whole, except the checksum, in whose
 * field only the pseudo header is summed up.
 */
static void set_headers(const struct super_packet *s, uint8_t *dst, size_t len, bool is_last)
{
	size_t transport_len = len - s->transport_offset;
	uint8_t *transport = dst + s->transport_offset;
	bool is_udp = s->checksum_offset - s->transport_offset == offsetof(struct udphdr, check);
	uint16_t pseudo;

	set_ip(s, dst, len);
	if (is_udp)
		store_be16(transport + offsetof(struct udphdr, len), (uint16_t)transport_len);
	else
		set_tcp(s, transport, is_last);
	pseudo = checksum_fold(
		checksum_pseudo(dst, is_udp ? IPPROTO_UDP : IPPROTO_TCP, transport_len));
	memcpy(dst + s->checksum_offset, &pseudo, sizeof pseudo);
}

/* In UDP a checksum of 0 would mean that there is none (RFC 768); of the protocols with one's
 * complement checksums, only UDP and its kin have them there.
 */
static void fill_in_checksum(const struct super_packet *s, uint8_t *dst, size_t len)
{
	uint64_t sum = checksum_add(0, dst + s->transport_offset, len - s->transport_offset);
	uint16_t checksum = (uint16_t)~checksum_fold(sum);

	if (checksum == 0 &&
	    s->checksum_offset - s->transport_offset == offsetof(struct udphdr, check))
		checksum = 0xffff;
	memcpy(dst + s->checksum_offset, &checksum, sizeof checksum);
}

static inline void pass_over(struct super_packet *s, size_t payload_len)
{
	s->at += payload_len;
	s->index++;
}

void super_packet_next(struct super_packet *s, uint8_t *dst)
{
	size_t payload_len = next_payload_len(s), len = s->header_len + payload_len;

	assert(s->at < s->len);
	memcpy(dst, s->packet, s->header_len);
	memcpy(dst + s->header_len, s->packet + s->at, payload_len);
	if (s->header_len)
		set_headers(s, dst, len, s->at + payload_len == s->len);
	if (s->checksum_offset)
		fill_in_checksum(s, dst, len);
	pass_over(s, payload_len);
}

void super_packet_skip(struct super_packet *s)
{
	pass_over(s, next_payload_len(s));
}
