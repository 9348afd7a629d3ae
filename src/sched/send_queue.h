/* SPDX-License-Identifier: MIT */
/* send_queue.h - what waits to be sent to one peer: a ticket for each read of the TUN device.
 *
 * A read is one packet, or a super-packet of one flow, which stays uncut while it waits: its ticket
 * tells how many packets it will make, and of what length. Packets are taken one by one, the oldest
 * first; the caller cuts them out of what it holds for the ticket, in the same order.
 *
 * Tickets lie in the caller's memory, so nothing is allocated here and nothing has an upper bound.
 * Pure. One thread at a time.
 */
#ifndef SCHED_SEND_QUEUE_H
#define SCHED_SEND_QUEUE_H

#include <stdint.h>

/* Filled by the caller but for @next, and the queue's own until its last packet was taken. */
struct send_ticket {
	struct send_ticket *next;
	uint64_t since_ns;     /* when it was read */
	uint32_t packets;      /* that were not taken yet; above 0 while it waits */
	uint32_t packet_bytes; /* of each but the last: the inner packet with its own headers */
	uint32_t last_bytes;   /* of the last one, or the only one */
};

/* All zero: empty. */
struct send_queue {
	struct send_ticket *first, *last;
	uint64_t packets; /* that wait */
	uint64_t bytes;
};

/* Appends @ticket. */
void send_queue_put(struct send_queue *q, struct send_ticket *ticket);

/* The length of the next packet of @ticket, which has one. */
static inline uint32_t send_ticket_next_bytes(const struct send_ticket *ticket)
{
	return ticket->packets > 1 ? ticket->packet_bytes : ticket->last_bytes;
}

/* Takes out the oldest packet; the queue is not empty. Returns its ticket, which is the caller's
 * again when it has no packets left.
 */
static inline struct send_ticket *send_queue_take(struct send_queue *q)
{
	struct send_ticket *ticket = q->first;

	q->packets--;
	q->bytes -= send_ticket_next_bytes(ticket);
	if (--ticket->packets == 0)
		q->first = ticket->next;
	return ticket;
}

#endif
