/* SPDX-License-Identifier: MIT */
/* too_big.h - the answer to a packet that is too long: "fragmentation needed" of ICMP (RFC 792,
 * 1191) or "packet too big" of ICMPv6 (RFC 4443).
 *
 * It comes from where the packet was sent to: an address of this host would be refused by its own
 * system as that of an impostor, since it comes in at the tunnel.
 *
 * Pure: bytes in, bytes out.
 */
#ifndef DATAPLANE_TOO_BIG_H
#define DATAPLANE_TOO_BIG_H

#include <stddef.h>
#include <stdint.h>

#define TOO_BIG_LEN_MAX 1280u /* bytes, RFC 4443 2.4 (c) */

/* Writes it to @answer. The packet begins with the @len bytes at @packet, an IP header at least,
 * and has @packet_len in all; @mtu is what would pass. Returns its length, 0 when there must be no
 * answer (RFC 1122 3.2.2, RFC 4443 2.4 (e)): to an error message, to a fragment but the first, to
 * what goes to or comes from many or nobody.
 */
size_t too_big_answer(const uint8_t *packet, size_t len, size_t packet_len, uint32_t mtu,
                      uint8_t answer[static TOO_BIG_LEN_MAX]);

#endif
