/* SPDX-License-Identifier: MIT */
/* send_queue.h - what waits to be sent to one peer: a ticket for each read of the TUN device.
 *
 * A read is one packet, or a super-packet of one flow, which stays uncut while it waits: its ticket
 * tells how many packets it will make, and of what length. Packets are taken one by one; the caller
 * cuts them out of what it holds for the ticket, in the same order.
 *
 * Taken is the oldest packet, or, once the queue is fair, the oldest of the flow whose turn it is:
 * flows send SEND_QUANTUM bytes each in turn (deficit round robin: Shreedhar and Varghese, SIGCOMM
 * 1995), so none gets more than its share by sending more, or has to wait for what others have
 * piled up. Each has a CoDel state of its own (RFC 8290, which puts the two together).
 *
 * Tickets lie in the caller's memory, so nothing has an upper bound here; flows are allocated when
 * they are needed. Pure. One thread at a time.
 */
#ifndef SCHED_SEND_QUEUE_H
#define SCHED_SEND_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/codel.h"

#define SEND_FLOWS   256u  /* those of one hash count as one */
#define SEND_QUANTUM 8192u /* bytes: as many packets in a row make trains */

/* What is looked at of a read, beside its length. */
struct send_class {
	uint32_t flow;
	bool is_urgent;
	bool is_doubled; /* leaves twice in any case */
	bool is_pinned;  /* goes over path_id while that takes data */
	uint8_t path_id;
};

/* Filled by the caller but for @next, and the queue's own until its last packet was taken. */
struct send_ticket {
	struct send_ticket *next;
	uint64_t since_ns;     /* when it was read */
	uint32_t packets;      /* that were not taken yet; above 0 while it waits */
	uint32_t packet_bytes; /* of each but the last: the inner packet with its own headers */
	uint32_t last_bytes;   /* of the last one, or the only one */
	uint32_t flow;         /* hash of addresses, protocol and ports */
	bool is_urgent;        /* of the latency class (traffic_class.h) */
	bool is_ect;           /* its sender takes a mark for a loss (ECN) */
	bool is_doubled, is_pinned; /* as in struct send_class */
	uint8_t path_id;
};

struct send_flow {
	struct send_ticket *first, *last;
	struct send_flow *next; /* in the round */
	struct codel codel;
	int32_t credit; /* bytes before the next one has its turn */
	uint64_t bytes; /* that wait */
};

struct send_flows {
	struct send_flow *turn, *last; /* the round of those that have something */
	uint64_t oldest_ns;            /* nothing that waits was read before */
	struct send_flow flow[SEND_FLOWS];
};

/* All zero: empty. */
struct send_queue {
	struct send_ticket *first; /* the next that is taken from */
	struct send_ticket *last;  /* while it is not fair */
	uint64_t packets;          /* that wait */
	uint64_t bytes;
	struct codel codel;       /* while it is not fair */
	struct send_flows *flows; /* NULL: it is not fair */
};

/* Makes it fair, if it is empty and there is memory. */
void send_queue_make_fair(struct send_queue *q);

/* Frees what that took, if it is empty. */
void send_queue_rest(struct send_queue *q);

/* Appends @ticket. */
void send_queue_put(struct send_queue *q, struct send_ticket *ticket);

/* The length of the next packet of @ticket, which has one. */
static inline uint32_t send_ticket_next_bytes(const struct send_ticket *ticket)
{
	return ticket->packets > 1 ? ticket->packet_bytes : ticket->last_bytes;
}

/* For send_queue_take(): a packet of @bytes of the flow whose turn it is was taken. */
void send_queue_taken(struct send_queue *q, uint32_t bytes);

/* Takes out the next packet; the queue is not empty. Returns its ticket, which is the caller's
 * again when it has no packets left.
 */
static inline struct send_ticket *send_queue_take(struct send_queue *q)
{
	struct send_ticket *ticket = q->first;
	uint32_t bytes = send_ticket_next_bytes(ticket);

	q->packets--;
	q->bytes -= bytes;
	ticket->packets--;
	if (q->flows)
		send_queue_taken(q, bytes);
	else if (!ticket->packets)
		q->first = ticket->next;
	if (!q->first)
		codel_emptied(&q->codel);
	return ticket;
}

/* Whether something waits since @since_ns or longer; it is the next that is taken then. */
bool send_queue_has_older(struct send_queue *q, uint64_t since_ns);

/* The next flow in the round may_go(@context, its first ticket) of which is true has its turn now.
 * False: there is none. If it is not fair, only the first that waits is asked about.
 */
bool send_queue_turn_to(struct send_queue *q,
                        bool (*may_go)(void *context, const struct send_ticket *first),
                        void *context);

/* The flow that has most waiting has its turn now. */
void send_queue_turn_to_longest(struct send_queue *q);

/* Nothing that waits was read before; NEVER_NS: nothing waits. */
static inline uint64_t send_queue_oldest_ns(const struct send_queue *q)
{
	if (!q->first)
		return NEVER_NS;
	return q->flows ? q->flows->oldest_ns : q->first->since_ns;
}

/* The CoDel state of what is taken from next. */
static inline struct codel *send_queue_codel(struct send_queue *q)
{
	return q->flows && q->flows->turn ? &q->flows->turn->codel : &q->codel;
}

#endif
