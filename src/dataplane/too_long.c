/* SPDX-License-Identifier: MIT */
#include "dataplane/too_long.h"

#include <sys/uio.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "dataplane/deliver.h"
#include "dataplane/peer.h"
#include "dataplane/self.h"
#include "dataplane/too_big.h"
#include "dataplane/tun.h"

#define ANSWER_NS (NS_PER_S / TOO_LONG_PER_S)

static bool may_be_fragmented(const uint8_t *packet)
{
	return ip_is_v4(packet) && !(load_be16(packet + offsetof(struct iphdr, frag_off)) & IP_DF);
}

/* Into the queue where what comes from the peer goes. */
static void write_answer(struct dp_thread *self, const struct dp_peer *peer, uint8_t *answer,
                         size_t len)
{
	struct virtio_net_hdr header = {0};
	struct iovec iov[] = {{&header, sizeof header}, {answer, len}};
	int fd = self->tun_fd;

	self->tun_fd = self->tun->fd[dp_peer_queue(peer)];
	write_to_tun(self, iov, 2);
	self->tun_fd = fd;
}

void too_long_answer(struct dp_thread *self, const struct runs *runs,
                     const struct super_packet *cut)
{
	uint8_t answer[TOO_BIG_LEN_MAX];
	size_t len;

	if (may_be_fragmented(cut->packet) ||
	    !bucket_take(&self->answers, ANSWER_NS, TOO_LONG_PER_S * ANSWER_NS, self->now_ns))
		return;
	len = too_big_answer(cut->packet, cut->len, super_packet_next_len(cut),
	                     runs->facts.table->fits_one, answer);
	if (len)
		write_answer(self, runs->peer, answer, len);
}
