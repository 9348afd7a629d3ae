/* SPDX-License-Identifier: MIT */
/* ecn.h - congestion marks (ECN) in IP headers, and what becomes of them at the end of a tunnel
 * (RFC 3168, RFC 6040).
 *
 * Who sends a packet says by the field that it understands marks (ECT); a router whose queue is too
 * long then marks the packet (CE) where it would drop another.
 */
#ifndef BASE_ECN_H
#define BASE_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/* As in the header. */
enum ecn {
	ECN_NOT_ECT = 0, /* its sender understands no marks */
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3, /* marked */
};

/* Of a whole IP packet. */
static inline uint8_t ecn_of(const uint8_t *packet)
{
	return packet[1] >> (ip_is_v4(packet) ? 0 : 4) & ECN_CE;
}

/* Gives a whole IP packet the field @ecn; the checksum of an IPv4 header is as right as before. */
void ecn_set(uint8_t *packet, uint8_t ecn);

/* What a packet is to leave the tunnel with. */
struct ecn_outcome {
	uint8_t ecn;
	bool is_dropped;    /* the mark cannot be told, so it becomes a loss */
	bool is_unexpected; /* nobody who keeps to the rules makes such a datagram */
};

/* Of one with the field @inner, which came in a datagram with @outer (RFC 6040 4.2). */
struct ecn_outcome ecn_decapsulate(uint8_t inner, uint8_t outer);

#endif
