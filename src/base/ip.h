/* SPDX-License-Identifier: MIT */
/* ip.h - the few fields of IP and TCP headers that several places read or set (RFC 791, 8200,
 * 9293).
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What netinet's header of TCP has no name for: two offsets, and the flags of RFC 3168. */
#define TCP_DATA_OFFSET 12u /* in the upper half of the byte, in 32-bit words */
#define TCP_FLAGS       13u
#define TCP_ECE         0x40
#define TCP_CWR         0x80

/* Of a packet that is known to begin with an IP header. */
static inline bool ip_is_v4(const uint8_t *packet)
{
	return packet[0] >> 4 == IPVERSION;
}

/* The length that the header claims of the packet within the @len bytes at @packet, padding behind
 * it not counted; 0 when there is no whole IP packet. Options and extension headers are not looked
 * at.
 */
size_t ip_packet_len(const uint8_t *packet, size_t len);

/* Whether the destination of a whole packet means nothing beyond one link: link-local multicast
 * (224.0.0.0/24, ff01::/16, ff02::/16), the broadcast of all hosts, and fe80::/10 (RFC 5771, 4291).
 */
bool ip_stays_on_link(const uint8_t *packet);

/* Makes @len the length of the whole packet. @header_len: of the IPv4 header, whose checksum is
 * made anew.
 */
void ip_set_len(uint8_t *packet, size_t len, size_t header_len);

#endif
