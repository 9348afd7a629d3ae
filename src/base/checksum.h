/* SPDX-License-Identifier: MIT */
/* checksum.h - the Internet checksum (RFC 1071), and the pseudo headers of TCP and UDP.
 *
 * Sums are partial: 64-bit one's complement sums in the byte order of memory, added up piece by
 * piece and folded at the end. Pieces but the last have an even length.
 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* @sum and the @len bytes at @at, any alignment. */
uint64_t checksum_add(uint64_t sum, const void *at, size_t len);

/* Folds to 16 bits, not complemented: store with memcpy. A packet whose checksum is right, summed
 * up with its pseudo header, gives 0xffff.
 */
uint16_t checksum_fold(uint64_t sum);

/* The pseudo header (RFC 9293 3.1, RFC 8200 8.1) of the IPv4 or IPv6 packet at @ip for @protocol
 * with @len bytes of transport header and payload. Addresses are taken from the IP header.
 */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len);

#endif
