/* SPDX-License-Identifier: MIT */
/* super_packet.h - what the kernel hands over in one read of the TUN device, cut into IP packets.
 *
 * With segmentation offload (TUN_F_TSO4, TSO6, USO4, USO6) a read gives up to 64 KB of one flow
 * behind a struct virtio_net_hdr, to be cut into packets of gso_size bytes of payload each, and
 * packets may lack their transport checksum (VIRTIO_NET_HDR_F_NEEDS_CSUM). What comes out are
 * ordinary packets, each with its own header, length, IPv4 identification, sequence number, flags
 * and checksums: PSH and FIN on the last only, CWR on the first only (virtio 1.2, 5.1.6.2;
 * RFC 9293; RFC 3168 6.1.2).
 */
#ifndef DATAPLANE_SUPER_PACKET_H
#define DATAPLANE_SUPER_PACKET_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* since Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define SUPER_PACKET_HEADERS_MAX 256u /* IPv4 60 or IPv6 with extensions, and TCP 60 */

/* Begun by super_packet_begin(); its members are for nobody else. */
struct super_packet {
	const uint8_t *packet; /* as it was read: headers, then the payload of all segments */
	size_t len;
	size_t at;            /* offset in the packet of the next segment's payload */
	uint32_t header_len;  /* bytes repeated before each segment; 0: a single packet */
	uint32_t payload_max; /* bytes of payload in each segment but the last */
	uint32_t transport_offset;
	uint32_t checksum_offset; /* of the checksum in the packet; 0: nothing to fill in */
	uint32_t index;           /* of the next segment */
};

/* Begins to cut the packet of @len bytes at @packet, which stays the caller's and must not change.
 * Returns how many packets will come out, 0 when header and packet contradict each other or are of
 * a kind that was not asked for. A packet that is neither to be cut nor lacks its checksum comes
 * out as it is, unread: whether it is a sound IP packet is for the caller to find out. hdr_len is
 * not used, nor what the packet has in the fields of UDP length and transport checksum when it is
 * cut.
 */
unsigned super_packet_begin(struct super_packet *s, const struct virtio_net_hdr *header,
                            const uint8_t *packet, size_t len);

/* The packet that is cut lies at @packet now, as it was. */
static inline void super_packet_moved(struct super_packet *s, const uint8_t *packet)
{
	s->packet = packet;
}

/* Bytes of the next packet; 0 after the last. */
size_t super_packet_next_len(const struct super_packet *s);

/* Bytes of the last packet; those before it are as long as the next. Only while there is one. */
size_t super_packet_last_len(const struct super_packet *s);

/* Packets that are still to come. */
unsigned super_packet_left(const struct super_packet *s);

/* Writes the next packet, super_packet_next_len() bytes, to @dst, which does not overlap the packet
 * that is cut. Only while that length is not 0.
 */
void super_packet_next(struct super_packet *s, uint8_t *dst);

/* The next packet is not wanted; those behind it stay what they are. Only while there is one. */
void super_packet_skip(struct super_packet *s);

#endif
