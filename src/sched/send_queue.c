/* SPDX-License-Identifier: MIT */
#include "sched/send_queue.h"

#include <assert.h>
#include <stdlib.h>

void send_queue_make_fair(struct send_queue *q)
{
	if (!q->first && !q->flows)
		q->flows = calloc(1, sizeof *q->flows);
}

void send_queue_rest(struct send_queue *q)
{
	if (q->first)
		return;
	free(q->flows);
	q->flows = NULL;
}

/* ---- the round ---- */

static void join_round(struct send_flows *flows, struct send_flow *f)
{
	f->next = NULL;
	if (flows->turn)
		flows->last->next = f;
	else
		flows->turn = f;
	flows->last = f;
}

/* The next has its turn. Returns the one that had it. */
static struct send_flow *leave_round(struct send_flows *flows)
{
	struct send_flow *f = flows->turn;

	flows->turn = f->next;
	return f;
}

static uint64_t bytes_of(const struct send_ticket *ticket)
{
	return (uint64_t)(ticket->packets - 1) * ticket->packet_bytes + ticket->last_bytes;
}

static void put_fair(struct send_flows *flows, struct send_ticket *ticket)
{
	struct send_flow *f = &flows->flow[ticket->flow % SEND_FLOWS];

	if (!flows->turn || ticket->since_ns < flows->oldest_ns)
		flows->oldest_ns = ticket->since_ns;
	if (f->first) {
		f->last->next = ticket;
	} else {
		f->first = ticket;
		f->credit = SEND_QUANTUM;
		join_round(flows, f);
	}
	f->last = ticket;
	f->bytes += bytes_of(ticket);
}

static void show_first(struct send_queue *q)
{
	q->first = q->flows->turn ? q->flows->turn->first : NULL;
}

void send_queue_taken(struct send_queue *q, uint32_t bytes)
{
	struct send_flows *flows = q->flows;
	struct send_flow *f = flows->turn;

	if (!f->first->packets)
		f->first = f->first->next;
	f->credit -= (int32_t)bytes;
	f->bytes -= bytes;
	if (!f->first) {
		codel_emptied(&f->codel);
		leave_round(flows);
	} else if (f->credit <= 0) {
		f->credit += SEND_QUANTUM;
		join_round(flows, leave_round(flows));
	}
	show_first(q);
}

/* ---- for the caller ---- */

static void put_last(struct send_queue *q, struct send_ticket *ticket)
{
	if (q->first)
		q->last->next = ticket;
	else
		q->first = ticket;
	q->last = ticket;
}

void send_queue_put(struct send_queue *q, struct send_ticket *ticket)
{
	assert(ticket->packets > 0);
	ticket->next = NULL;
	if (q->flows) {
		put_fair(q->flows, ticket);
		show_first(q);
	} else {
		put_last(q, ticket);
	}
	q->packets += ticket->packets;
	q->bytes += bytes_of(ticket);
}

/* @f has its turn, the others in the same order behind it. */
static void turn_to(struct send_queue *q, const struct send_flow *f)
{
	struct send_flows *flows = q->flows;

	while (flows->turn != f)
		join_round(flows, leave_round(flows));
	show_first(q);
}

bool send_queue_turn_to(struct send_queue *q,
                        bool (*may_go)(void *context, const struct send_ticket *first),
                        void *context)
{
	const struct send_flow *f = q->flows ? q->flows->turn : NULL;

	if (!q->flows)
		return q->first && may_go(context, q->first);
	while (f && !may_go(context, f->first))
		f = f->next;
	if (f)
		turn_to(q, f);
	return f;
}

static void turn_to_oldest(struct send_queue *q)
{
	const struct send_flow *oldest = q->flows->turn;

	for (const struct send_flow *f = oldest; f; f = f->next) {
		if (f->first->since_ns < oldest->first->since_ns)
			oldest = f;
	}
	q->flows->oldest_ns = oldest->first->since_ns;
	turn_to(q, oldest);
}

void send_queue_turn_to_longest(struct send_queue *q)
{
	const struct send_flow *longest = q->flows ? q->flows->turn : NULL;

	if (!longest)
		return;
	for (const struct send_flow *f = longest; f; f = f->next) {
		if (f->bytes > longest->bytes)
			longest = f;
	}
	turn_to(q, longest);
}

bool send_queue_has_older(struct send_queue *q, uint64_t since_ns)
{
	if (!q->first || send_queue_oldest_ns(q) > since_ns)
		return false;
	if (q->flows)
		turn_to_oldest(q);
	return q->first->since_ns <= since_ns;
}
