/* SPDX-License-Identifier: MIT */
/* A packet costs a look at the hashes of the flows that wait, the comparison with the first packet
 * of its run, and one pass over its bytes for the checksum: a joined packet goes to the kernel as
 * one whose checksum is still to be made, so a wrong one would be made right. The first packet of a
 * run is verified only when a second one fits, since alone it keeps the checksum it has.
 *
 * The headers of a joined packet are the first packet's, changed when the run is written.
 */
#include "dataplane/coalesce.h"

#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/ip.h"
#include "dataplane/super_packet.h"

#define IPV4_PLAIN    0x45 /* first byte: version 4, a header without options */
#define TOTAL_LEN_MAX 65535u
#define NO_SLOT       COALESCE_FLOWS

/* A packet of which the flow can be told. */
struct segment {
	uint8_t *packet;
	size_t len;
	uint64_t flow; /* hash of addresses, ports and protocol, not 0 */
	size_t transport_offset;
	size_t header_len; /* IP and transport */
	size_t payload_len;
	uint8_t protocol;
	bool is_joinable; /* may be in a run with others */
	bool has_push;
};

void coalescer_init(struct coalescer *c, const struct coalesce_offload *offload,
                    coalesce_write write, void *context)
{
	memset(c, 0, sizeof *c);
	c->offload = *offload;
	c->write = write;
	c->context = context;
}

/* ---- reading headers ---- */

/* Where TCP or UDP begins; 0 when something else does, or is in between, or the IPv4 header is a
 * fragment's or damaged.
 */
static size_t transport_offset_of(const uint8_t *packet, size_t len, uint8_t *ret_protocol)
{
	uint8_t protocol;
	size_t ip_len;

	if (len >= sizeof(struct iphdr) && packet[0] == IPV4_PLAIN) {
		uint16_t fragment = load_be16(packet + offsetof(struct iphdr, frag_off));

		ip_len = sizeof(struct iphdr);
		protocol = packet[offsetof(struct iphdr, protocol)];
		if (fragment & (IP_MF | IP_OFFMASK) ||
		    checksum_fold(checksum_add(0, packet, ip_len)) != 0xffff)
			return 0;
	} else if (len >= sizeof(struct ip6_hdr) && packet[0] >> 4 == 6) {
		ip_len = sizeof(struct ip6_hdr);
		protocol = packet[offsetof(struct ip6_hdr, ip6_nxt)];
	} else {
		return 0;
	}
	*ret_protocol = protocol;
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? ip_len : 0;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 divided by the golden ratio */
	return hash ^ hash >> 32;
}

/* Flows with the same hash only hinder each other: what may be joined is compared in full. */
static uint64_t flow_hash(const struct segment *seg)
{
	const uint8_t *packet = seg->packet;
	uint64_t hash = mix(seg->protocol, load_le32(packet + seg->transport_offset));

	if (ip_is_v4(packet))
		return mix(hash, load_le64(packet + offsetof(struct iphdr, saddr))) | 1;
	for (size_t i = 0; i < 2 * sizeof(struct in6_addr); i += sizeof(uint64_t))
		hash = mix(hash, load_le64(packet + offsetof(struct ip6_hdr, ip6_src) + i));
	return hash | 1;
}

static bool read_tcp(const struct coalesce_offload *offload, struct segment *seg)
{
	const uint8_t *tcp = seg->packet + seg->transport_offset;
	size_t room = seg->len - seg->transport_offset, tcp_len;

	if (room < sizeof(struct tcphdr))
		return false;
	tcp_len = (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	if (tcp_len < sizeof(struct tcphdr) || tcp_len > room)
		return false;
	seg->header_len = seg->transport_offset + tcp_len;
	seg->payload_len = room - tcp_len;
	seg->has_push = tcp[TCP_FLAGS] & TH_PUSH;
	seg->is_joinable = (ip_is_v4(seg->packet) ? offload->tcp4 : offload->tcp6) &&
	                   (tcp[TCP_FLAGS] & ~(TH_PUSH | TCP_ECE)) == TH_ACK &&
	                   seg->payload_len > 0;
	return true;
}

static bool read_udp(const struct coalesce_offload *offload, struct segment *seg)
{
	const uint8_t *udp = seg->packet + seg->transport_offset;
	size_t room = seg->len - seg->transport_offset;

	if (room < sizeof(struct udphdr) || load_be16(udp + offsetof(struct udphdr, len)) != room)
		return false;
	seg->header_len = seg->transport_offset + sizeof(struct udphdr);
	seg->payload_len = room - sizeof(struct udphdr);
	seg->is_joinable = (ip_is_v4(seg->packet) ? offload->udp4 : offload->udp6) &&
	                   load_be16(udp + offsetof(struct udphdr, check)) != 0 &&
	                   seg->payload_len > 0;
	return true;
}

/* False when the flow cannot be told. */
static bool read_segment(const struct coalesce_offload *offload, uint8_t *packet, size_t len,
                         struct segment *ret)
{
	struct segment seg = {.packet = packet, .len = len};

	seg.transport_offset = transport_offset_of(packet, len, &seg.protocol);
	if (seg.transport_offset == 0 ||
	    !(seg.protocol == IPPROTO_TCP ? read_tcp(offload, &seg) : read_udp(offload, &seg)))
		return false;
	seg.flow = flow_hash(&seg);
	*ret = seg;
	return true;
}

static uint32_t seq_of(const struct segment *seg)
{
	return load_be32(seg->packet + seg->transport_offset + offsetof(struct tcphdr, seq));
}

static bool is_checksum_right(const uint8_t *packet, size_t len, size_t transport_offset,
                              uint8_t protocol)
{
	size_t transport_len = len - transport_offset;
	uint64_t pseudo = checksum_pseudo(packet, protocol, transport_len);

	return checksum_fold(checksum_add(pseudo, packet + transport_offset, transport_len)) ==
	       0xffff;
}

/* ---- comparing: everything that cutting takes over from the first packet must be the same ---- */

static bool is_same(const uint8_t *a, const uint8_t *b, size_t from, size_t to)
{
	return memcmp(a + from, b + from, to - from) == 0;
}

/* Addresses and ports stand behind each other where neither IP header has options. */
static bool is_same_ip(const uint8_t *a, const uint8_t *b)
{
	if (ip_is_v4(a))
		return is_same(a, b, 0, offsetof(struct iphdr, tot_len)) &&
		       is_same(a, b, offsetof(struct iphdr, frag_off),
		               offsetof(struct iphdr, check)) &&
		       is_same(a, b, offsetof(struct iphdr, saddr), sizeof(struct iphdr) + 4);
	return is_same(a, b, 0, offsetof(struct ip6_hdr, ip6_plen)) &&
	       is_same(a, b, offsetof(struct ip6_hdr, ip6_nxt), sizeof(struct ip6_hdr) + 4);
}

static bool is_same_tcp(const uint8_t *a, const uint8_t *b, size_t len)
{
	return is_same(a, b, offsetof(struct tcphdr, ack_seq), TCP_FLAGS) &&
	       ((a[TCP_FLAGS] ^ b[TCP_FLAGS]) & ~TH_PUSH) == 0 &&
	       is_same(a, b, offsetof(struct tcphdr, window), offsetof(struct tcphdr, check)) &&
	       is_same(a, b, offsetof(struct tcphdr, urg_ptr), len);
}

/* Whether @seg, its checksum left aside, comes next in the run. */
static bool fits(const struct coalesce_run *run, const struct segment *seg)
{
	const uint8_t *first = run->iov[1].iov_base;

	if (seg->header_len != run->header_len || seg->payload_len > run->payload_len ||
	    run->total_len + seg->payload_len > TOTAL_LEN_MAX || !is_same_ip(first, seg->packet))
		return false;
	return seg->protocol == IPPROTO_UDP ||
	       (seq_of(seg) == run->next_seq &&
	        is_same_tcp(first + seg->transport_offset, seg->packet + seg->transport_offset,
	                    seg->header_len - seg->transport_offset));
}

/* ---- writing ---- */

static void write_alone(struct coalescer *c, uint8_t *packet, size_t len)
{
	struct virtio_net_hdr plain = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[] = {{&plain, sizeof plain}, {packet, len}};

	c->write(c->context, iov, 2);
}

/* Makes the first packet's headers those of the whole. */
static void set_headers(struct coalesce_run *run, uint8_t *packet)
{
	uint8_t *transport = packet + run->transport_offset;
	size_t transport_len = run->total_len - run->transport_offset;
	uint16_t pseudo = checksum_fold(checksum_pseudo(packet, run->protocol, transport_len));

	ip_set_len(packet, run->total_len, sizeof(struct iphdr));
	if (run->protocol == IPPROTO_UDP)
		store_be16(transport + offsetof(struct udphdr, len), (uint16_t)transport_len);
	else if (run->has_push)
		transport[TCP_FLAGS] |= TH_PUSH;
	memcpy(transport + run->header.csum_offset, &pseudo, sizeof pseudo);
}

static uint8_t gso_type_of(const struct coalesce_run *run, const uint8_t *packet)
{
	if (run->protocol == IPPROTO_UDP)
		return VIRTIO_NET_HDR_GSO_UDP_L4;
	return ip_is_v4(packet) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
}

static void set_virtio_header(struct coalesce_run *run, const uint8_t *packet)
{
	bool is_udp = run->protocol == IPPROTO_UDP;

	run->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type_of(run, packet),
		.hdr_len = run->header_len,
		.gso_size = (uint16_t)run->payload_len,
		.csum_start = run->transport_offset,
		.csum_offset =
			is_udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check),
	};
}

static void write_run(struct coalescer *c, unsigned slot)
{
	struct coalesce_run *run = &c->run[slot];
	uint8_t *first = run->iov[1].iov_base;

	c->flow[slot] = 0;
	if (run->pieces == 1) {
		write_alone(c, first, run->iov[1].iov_len);
		return;
	}
	set_virtio_header(run, first);
	set_headers(run, first);
	c->write(c->context, run->iov, 1 + run->pieces);
}

/* ---- the runs ---- */

static unsigned slot_of_flow(const struct coalescer *c, uint64_t flow)
{
	unsigned slot = 0;

	while (slot < COALESCE_FLOWS && c->flow[slot] != flow)
		slot++;
	return slot;
}

/* NO_SLOT when nothing waits. */
static unsigned slot_begun_first(const struct coalescer *c)
{
	unsigned first = NO_SLOT;

	for (unsigned i = 0; i < COALESCE_FLOWS; i++) {
		if (c->flow[i] && (first == NO_SLOT || c->begun_at[i] < c->begun_at[first]))
			first = i;
	}
	return first;
}

static unsigned free_slot(struct coalescer *c)
{
	unsigned slot = slot_of_flow(c, 0);

	if (slot == NO_SLOT) {
		slot = slot_begun_first(c);
		write_run(c, slot);
	}
	return slot;
}

static void begin_run(struct coalescer *c, const struct segment *seg)
{
	unsigned slot = free_slot(c);
	struct coalesce_run *run = &c->run[slot];

	c->flow[slot] = seg->flow;
	c->begun_at[slot] = c->begun_count++;
	run->iov[0] = (struct iovec){&run->header, sizeof run->header};
	run->iov[1] = (struct iovec){seg->packet, seg->len};
	run->pieces = 1;
	run->total_len = (uint32_t)seg->len;
	run->payload_len = (uint32_t)seg->payload_len;
	run->header_len = (uint16_t)seg->header_len;
	run->transport_offset = (uint16_t)seg->transport_offset;
	run->protocol = seg->protocol;
	run->is_verified = false;
	run->has_push = false;
	if (seg->protocol == IPPROTO_TCP)
		run->next_seq = seq_of(seg) + run->payload_len;
}

static void append(struct coalesce_run *run, const struct segment *seg)
{
	run->iov[1 + run->pieces++] =
		(struct iovec){seg->packet + seg->header_len, seg->payload_len};
	run->total_len += (uint32_t)seg->payload_len;
	run->next_seq += (uint32_t)seg->payload_len;
	run->has_push = seg->has_push;
}

/* Joins @seg to the run. False when it has to stay apart; found damaged, it is not joinable then.
 */
static bool join(struct coalescer *c, unsigned slot, struct segment *seg)
{
	struct coalesce_run *run = &c->run[slot];

	if (!seg->is_joinable || !fits(run, seg))
		return false;
	if (!run->is_verified && !is_checksum_right(run->iov[1].iov_base, run->iov[1].iov_len,
	                                            run->transport_offset, run->protocol))
		return false;
	run->is_verified = true;
	seg->is_joinable =
		is_checksum_right(seg->packet, seg->len, seg->transport_offset, seg->protocol);
	if (!seg->is_joinable)
		return false;
	append(run, seg);
	if (seg->has_push || seg->payload_len < run->payload_len || run->pieces == COALESCE_PIECES)
		write_run(c, slot);
	return true;
}

static bool is_between_same_addresses(const uint8_t *a, const uint8_t *b)
{
	if (ip_is_v4(a) != ip_is_v4(b))
		return false;
	if (ip_is_v4(a))
		return is_same(a, b, offsetof(struct iphdr, saddr), sizeof(struct iphdr));
	return is_same(a, b, offsetof(struct ip6_hdr, ip6_src), sizeof(struct ip6_hdr));
}

/* Runs of several flows: they leave in the order of slots, which nobody minds. */
static void write_runs_between(struct coalescer *c, const uint8_t *packet, size_t len)
{
	if (len < (ip_is_v4(packet) ? sizeof(struct iphdr) : sizeof(struct ip6_hdr)))
		return;
	for (unsigned i = 0; i < COALESCE_FLOWS; i++) {
		if (c->flow[i] && is_between_same_addresses(c->run[i].iov[1].iov_base, packet))
			write_run(c, i);
	}
}

void coalescer_add(struct coalescer *c, uint8_t *packet, size_t len)
{
	struct segment seg;
	unsigned slot;

	if (!read_segment(&c->offload, packet, len, &seg)) {
		write_runs_between(c, packet, len);
		write_alone(c, packet, len);
		return;
	}
	slot = slot_of_flow(c, seg.flow);
	if (slot != NO_SLOT) {
		if (join(c, slot, &seg))
			return;
		write_run(c, slot);
	}
	if (seg.is_joinable && !seg.has_push)
		begin_run(c, &seg);
	else
		write_alone(c, packet, len);
}

void coalescer_flush(struct coalescer *c)
{
	unsigned slot;

	while ((slot = slot_begun_first(c)) != NO_SLOT)
		write_run(c, slot);
}
