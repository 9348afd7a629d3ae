/* SPDX-License-Identifier: MIT */
#include "sched/receiver.h"

static unsigned known_path(const struct receiver_packet *packet)
{
	return packet->path < PATHS_MAX ? packet->path : PATHS_MAX;
}

void receiver_hold(struct receiver *r, const struct receiver_packet *packet, uint64_t place,
                   uint16_t ticket, uint64_t now_ns)
{
	reseq_hold(&r->order, place, known_path(packet), ticket, now_ns);
}
