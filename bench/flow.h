/* SPDX-License-Identifier: MIT */
/* flow.h - one TCP connection as its sender's kernel hands it to a TUN device: packets, or
 * super-packets to be cut (virtio 1.2, 5.1.6.2), with all that a checksum needs.
 *
 * One thread.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOW_IPV4_LEN  20u
#define FLOW_HEADERS   40u    /* bytes of IPv4 and TCP, without options */
#define FLOW_PORT_BASE 10000u /* source port of flow 0 */

struct flow {
	struct virtio_net_hdr header;
	uint8_t packet[FLOW_HEADERS];
	uint64_t address_sum; /* of the IPv4 header without length, identification and checksum */
	uint32_t seq;         /* of the next byte */
	uint16_t id;          /* of the next packet */
	int fd;
};

/* Flow @number between two IPv4 addresses, into @fd, which stays the caller's. */
void flow_init(struct flow *f, unsigned number, int fd, const uint8_t from[static 4],
               const uint8_t to[static 4]);

/* Writes the next @segments packets with @payload bytes each at once, the bytes being those at
 * @zeros. False when the device is closed.
 */
bool flow_send(struct flow *f, unsigned segments, unsigned payload, const uint8_t *zeros);

#endif
