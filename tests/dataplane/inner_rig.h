/* SPDX-License-Identifier: MIT */
/* inner_rig.h - inner packets for tests: they name their number and are made of it, so whoever
 * receives one can tell what it must look like. Host h has the addresses 10.0.0.h and fd00::h.
 */
#ifndef TEST_INNER_RIG_H
#define TEST_INNER_RIG_H

#include <stddef.h>
#include <stdint.h>

#define RIG_MTU        1420u
#define RIG_PACKET_MIN 48u /* an IPv6 header, the number and four bytes more */

/* Writes the address of @host, of 4 or 16 bytes. */
void rig_address(uint8_t *at, unsigned version, unsigned host);

/* An IP packet of @len bytes from host @from to @to that carries number @seq. Returns @len. */
size_t rig_packet(uint8_t *out, unsigned version, unsigned from, unsigned to, uint32_t seq,
                  size_t len);

/* Version and length of packet @seq of a flow follow from its number. */
size_t rig_flow_packet(uint8_t *out, unsigned from, unsigned to, uint32_t seq);

/* The number of a packet of a flow from @from to @to; fails the test if a bit of it is wrong. */
uint32_t rig_flow_seq(const uint8_t *packet, size_t len, unsigned from, unsigned to);

#endif
