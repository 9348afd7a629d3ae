/* SPDX-License-Identifier: MIT */
/* receiver.h - the receiving half of one peer: which packets may be delivered, in which order,
 * when.
 *
 * Packets of the ordered lane come over several paths, under one keypair or two of which one
 * follows the other (epochs.h), and are held until it is their turn (reseq.h). The caller holds the
 * packets and passes a number (ticket) for each:
 *
 *    receiver_arrived()   deliver it, or keep it under a ticket with receiver_hold()
 *    receiver_take()      tickets whose turn has come; after every arrival and at the alarm
 *    receiver_alarm_ns()  when the next gap is given up, if nothing comes before
 *
 * Pure; time comes in. It may step back a little from call to call, since threads read the clock
 * before they hand over: the latest counts. Used in one role, so by one thread at a time.
 */
#ifndef SCHED_RECEIVER_H
#define SCHED_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/epochs.h"
#include "sched/reseq.h"

/* All zero before the first packet. */
struct receiver {
	struct reseq order;
	struct epochs epochs; /* keypairs, and where their numbers are in @order */
};

/* A packet of the ordered lane. */
struct receiver_packet {
	uint64_t seq;     /* its number in the lane */
	uint64_t born_ns; /* of the keypair under which it came, with us */
	uint32_t index;   /* of that keypair: our own */
	unsigned path;    /* PATHS_MAX or above: unknown */
};

/* Before the first packet: those below @seq of its keypair came without an order, or never will. */
static inline void receiver_begins_at(struct receiver *r, uint64_t seq)
{
	reseq_begins_at(&r->order, seq);
}

static inline bool receiver_has_begun(const struct receiver *r)
{
	return r->order.is_started;
}

/* What to do with @packet, authentic and new. RESEQ_DELIVER: now. RESEQ_HOLD: receiver_hold() must
 * follow, with *ret_place. RESEQ_FULL: take out the oldest with receiver_take_any(), then ask
 * again.
 */
static inline enum reseq_verdict receiver_arrived(struct receiver *r,
                                                  const struct receiver_packet *packet,
                                                  uint64_t now_ns, uint64_t *ret_place)
{
	if (!epochs_place(&r->epochs, &r->order, packet->born_ns, packet->index, packet->seq,
	                  now_ns, ret_place))
		return RESEQ_DELIVER;
	return reseq_arrived(&r->order, *ret_place,
	                     packet->path < PATHS_MAX ? packet->path : PATHS_MAX, now_ns);
}

/* Keeps @ticket (RESEQ_NO_TICKET: nothing to deliver) in the @place of @packet. */
void receiver_hold(struct receiver *r, const struct receiver_packet *packet, uint64_t place,
                   uint16_t ticket, uint64_t now_ns);

/* The ticket of the next packet that may be delivered now; false when there is none. */
static inline bool receiver_take(struct receiver *r, uint64_t now_ns, uint16_t *ret_ticket)
{
	return r->order.held && reseq_take(&r->order, now_ns, ret_ticket);
}

/* The oldest one held, whatever is missing before it; false when nothing is held. */
static inline bool receiver_take_any(struct receiver *r, uint64_t now_ns, uint16_t *ret_ticket)
{
	return reseq_take_any(&r->order, now_ns, ret_ticket);
}

/* When receiver_take(), if nothing arrives before, gives something; NEVER_NS when nothing is held.
 * After receiver_take() said that there is nothing at @now_ns.
 */
static inline uint64_t receiver_alarm_ns(const struct receiver *r, uint64_t now_ns)
{
	return reseq_deadline_ns(&r->order, now_ns);
}

/* A probe over @path: see reseq_probed(). */
static inline void receiver_probed(struct receiver *r, unsigned path, int32_t owd_us)
{
	reseq_probed(&r->order, path, owd_us);
}

#endif
