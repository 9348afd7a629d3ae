/* SPDX-License-Identifier: MIT */
/* coalesce.h - consecutive packets of a flow joined again, so that TUN takes them in one write.
 *
 * The inverse of super_packet.h: TCP segments that follow each other, and UDP datagrams of one
 * size, become one packet with a struct virtio_net_hdr that tells the kernel where they were cut.
 * No payload is copied: a write is a list of pieces. What must not be joined stays as it came:
 * fragments, IP options and extension headers, SYN, RST, URG, FIN, CWR, a bad checksum (the
 * receiver has to see it), other TOS, TTL, flow label or TCP options, a gap in the sequence. A
 * shorter segment and PSH end a run. Cut again, the packets are what they were, except that IPv4
 * identifications count up from the first one's.
 *
 * Packets of one flow leave in the order in which they were added, and a packet of which the flow
 * cannot be told leaves in its place among all between its two addresses; flows may overtake each
 * other. One thread uses a coalescer.
 */
#ifndef DATAPLANE_COALESCE_H
#define DATAPLANE_COALESCE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define COALESCE_FLOWS  8u  /* flows joined side by side; the one begun first gives way */
#define COALESCE_PIECES 64u /* packets in one write: the kernel takes no more datagrams of UDP */

/* What the TUN device takes. Of the rest nothing is joined. */
struct coalesce_offload {
	bool tcp4, tcp6, udp4, udp6;
};

/* Writes one packet: @iov[0] is the struct virtio_net_hdr (10 bytes), the rest the packet. Nothing
 * of it is needed once this returns. It must not call the coalescer.
 */
typedef void (*coalesce_write)(void *context, const struct iovec *iov, unsigned len);

/* Packets of a flow that wait to be written together. */
struct coalesce_run {
	struct virtio_net_hdr header;
	struct iovec iov[1 + COALESCE_PIECES]; /* header, first packet, payload of the others */
	unsigned pieces;
	uint32_t total_len;   /* of the IP packet they make together */
	uint32_t next_seq;    /* TCP: of the packet that may follow */
	uint32_t payload_len; /* of every piece but the last */
	uint16_t header_len;  /* IP and transport */
	uint16_t transport_offset;
	uint8_t protocol;
	bool is_verified; /* the first packet's checksum was found right */
	bool has_push;    /* the last packet has PSH */
};

/* Its members are for nobody else. */
struct coalescer {
	struct coalesce_offload offload;
	coalesce_write write;
	void *context;
	uint64_t begun_count;              /* runs so far */
	uint64_t flow[COALESCE_FLOWS];     /* hash of the flow whose run waits there; 0: none */
	uint64_t begun_at[COALESCE_FLOWS]; /* of which count the run was */
	struct coalesce_run run[COALESCE_FLOWS];
};

/* The coalescer must not be moved while packets wait in it. */
void coalescer_init(struct coalescer *c, const struct coalesce_offload *offload,
                    coalesce_write write, void *context);

/* Takes up the whole IP packet of @len bytes at @packet (its header was checked: version, and that
 * the length it claims is @len). The bytes must stay, and its headers may be changed, until the
 * next coalescer_flush(). May write.
 */
void coalescer_add(struct coalescer *c, uint8_t *packet, size_t len);

/* Writes all that waits. */
void coalescer_flush(struct coalescer *c);

#endif
