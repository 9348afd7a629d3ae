/* SPDX-License-Identifier: MIT */
#include "sched/send_queue.h"

#include <assert.h>
#include <stddef.h>

void send_queue_put(struct send_queue *q, struct send_ticket *ticket)
{
	assert(ticket->packets > 0);
	ticket->next = NULL;
	if (q->first)
		q->last->next = ticket;
	else
		q->first = ticket;
	q->last = ticket;
	q->packets += ticket->packets;
	q->bytes += (uint64_t)(ticket->packets - 1) * ticket->packet_bytes + ticket->last_bytes;
}
