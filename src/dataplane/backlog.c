/* SPDX-License-Identifier: MIT */
#include "dataplane/backlog.h"

static struct read_buffer *read_of(struct send_ticket *ticket)
{
	return caa_container_of(ticket, struct read_buffer, ticket);
}

void backlog_init(struct backlog *b, struct sender *sender)
{
	*b = (struct backlog){.sender = sender};
}

void backlog_add(struct backlog *b, struct read_buffer *read, void *holder, uint64_t now_ns)
{
	const struct super_packet *cut = &read->cut;

	read->ticket = (struct send_ticket){.since_ns = now_ns,
	                                    .packets = super_packet_left(cut),
	                                    .packet_bytes = (uint32_t)super_packet_next_len(cut),
	                                    .last_bytes = (uint32_t)super_packet_last_len(cut)};
	b->held[read->home->id] += read_buffer_bytes(read);
	read_buffer_wait(read, holder);
	sender_offer(b->sender, &read->ticket);
}

/* A packet less: after the last one it waits no more. */
static void one_less(struct backlog *b, struct read_buffer *read, const struct read_pool *mine)
{
	if (read->ticket.packets)
		return;
	b->held[read->home->id] -= read_buffer_bytes(read);
	read_buffer_put(read, mine);
}

void backlog_cut(struct backlog *b, struct send_ticket *ticket, uint8_t *dst,
                 const struct read_pool *mine)
{
	struct read_buffer *read = read_of(ticket);

	super_packet_next(&read->cut, dst);
	one_less(b, read, mine);
}

bool backlog_drop(struct backlog *b, const struct read_pool *mine)
{
	struct send_ticket *ticket = sender_drop(b->sender);

	if (!ticket)
		return false;
	super_packet_skip(&read_of(ticket)->cut);
	one_less(b, read_of(ticket), mine);
	return true;
}

/* Of the memory that the newest read came from: what it took of it is what is to be made up for. */
static bool holds_too_much(const struct backlog *b)
{
	const struct read_pool *pool;

	if (backlog_is_empty(b))
		return false;
	pool = read_of(b->sender->waiting.last)->home;
	return b->held[pool->id] > read_pool_spare(pool);
}

enum sender_excess backlog_excess(const struct backlog *b, uint64_t now_ns)
{
	enum sender_excess excess = sender_excess(b->sender, now_ns);

	if (excess == SENDER_KEEPS && b->sender->is_blocked && holds_too_much(b))
		return SENDER_TOO_MANY;
	return excess;
}
