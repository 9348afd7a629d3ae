/* SPDX-License-Identifier: MIT */
/* mss.h - the segments of a connection made short enough for all paths, when it begins: the MSS
 * that its SYN announces is lowered (RFC 9293 3.7.1).
 *
 * So a connection may use all paths, while other packets, which nobody can ask to be shorter, still
 * take those on which they fit. In both directions: the ends of a connection announce each for
 * itself.
 *
 * Pure: bytes in, bytes out.
 */
#ifndef DATAPLANE_MSS_H
#define DATAPLANE_MSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

/* Whether the whole IP packet at @packet looks like a SYN, in IPv6 right behind its header. */
static inline bool mss_may_be_syn(const uint8_t *packet, size_t len)
{
	bool is_v4 = ip_is_v4(packet);
	size_t header = is_v4 ? (packet[0] & 0xfu) * 4u : sizeof(struct ip6_hdr);

	return len >= 40 && packet[is_v4 ? 9 : 6] == IPPROTO_TCP && header + TCP_FLAGS < len &&
	       packet[header + TCP_FLAGS] & 0x02;
}

/* Lowers the MSS of the SYN at @packet to what packets of @mtu bytes can hold; it is never raised,
 * and what is no sound SYN with that option is left alone. @has_checksum: it is of the whole
 * packet, and is kept right; else it will be made anew.
 */
void mss_clamp(uint8_t *packet, size_t len, uint32_t mtu, bool has_checksum);

#endif
