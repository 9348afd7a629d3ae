/* SPDX-License-Identifier: MIT */
#include "sched/receiver.h"

static unsigned known_path(const struct receiver_packet *packet)
{
	return packet->path < PATHS_MAX ? packet->path : PATHS_MAX;
}

enum reseq_verdict receiver_arrived(struct receiver *r, const struct receiver_packet *packet,
                                    uint64_t now_ns, uint64_t *ret_place)
{
	if (!epochs_place(&r->epochs, &r->order, packet->born_ns, packet->index, packet->seq,
	                  now_ns, ret_place))
		return RESEQ_DELIVER;
	return reseq_arrived(&r->order, *ret_place, known_path(packet), now_ns);
}

void receiver_hold(struct receiver *r, const struct receiver_packet *packet, uint64_t place,
                   uint16_t ticket, uint64_t now_ns)
{
	reseq_hold(&r->order, place, known_path(packet), ticket, now_ns);
}
