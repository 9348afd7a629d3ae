/* SPDX-License-Identifier: MIT */
#include "bench/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/checksum.h"

#define TCP_CHECKSUM 16u /* its offset in the header */

static void store_sum(uint8_t *at, uint16_t sum)
{
	memcpy(at, &sum, sizeof sum);
}

void flow_init(struct flow *f, unsigned number, int fd, const uint8_t from[static 4],
               const uint8_t to[static 4])
{
	uint8_t *ip = f->packet, *tcp = ip + FLOW_IPV4_LEN;

	*f = (struct flow){.fd = fd};
	f->header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	                                    .hdr_len = FLOW_HEADERS,
	                                    .csum_start = FLOW_IPV4_LEN,
	                                    .csum_offset = TCP_CHECKSUM};
	ip[0] = 0x45;
	ip[6] = 0x40; /* DF */
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	store_be16(tcp, (uint16_t)(FLOW_PORT_BASE + number));
	store_be16(tcp + 2, 443);
	tcp[12] = (FLOW_HEADERS - FLOW_IPV4_LEN) / 4 << 4;
	tcp[13] = 0x10; /* ACK */
	store_be16(tcp + 14, UINT16_MAX);
	f->address_sum = checksum_add(0, ip, FLOW_IPV4_LEN);
}

bool flow_send(struct flow *f, unsigned segments, unsigned payload, const uint8_t *zeros)
{
	uint8_t *ip = f->packet, *tcp = ip + FLOW_IPV4_LEN;
	size_t bytes = (size_t)payload * segments, len = FLOW_HEADERS + bytes;
	struct iovec iov[] = {
		{&f->header, sizeof f->header}, {f->packet, FLOW_HEADERS}, {(void *)zeros, bytes}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
	ssize_t n;

	f->header.gso_type = segments > 1 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE;
	f->header.gso_size = segments > 1 ? (uint16_t)payload : 0;
	store_be16(ip + 2, (uint16_t)len);
	store_be16(ip + 4, f->id);
	store_sum(ip + 10, (uint16_t)~checksum_fold(checksum_add(f->address_sum, ip + 2, 4)));
	store_be32(tcp + 4, f->seq);
	store_sum(tcp + TCP_CHECKSUM,
	          checksum_fold(checksum_pseudo(ip, IPPROTO_TCP, len - FLOW_IPV4_LEN)));
	do
		n = sendmsg(f->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	f->seq += (uint32_t)bytes;
	f->id = (uint16_t)(f->id + segments);
	return n > 0;
}
