/* SPDX-License-Identifier: MIT */
#include "dataplane/backlog.h"

#include "base/ecn.h"

static struct read_buffer *read_of(struct send_ticket *ticket)
{
	return caa_container_of(ticket, struct read_buffer, ticket);
}

void backlog_init(struct backlog *b, struct sender *sender)
{
	*b = (struct backlog){.sender = sender};
}

void backlog_add(struct backlog *b, struct read_buffer *read, const struct send_class *class,
                 void *holder, uint64_t now_ns)
{
	const struct super_packet *cut = &read->cut;

	read->ticket = (struct send_ticket){.since_ns = now_ns,
	                                    .packets = super_packet_left(cut),
	                                    .packet_bytes = (uint32_t)super_packet_next_len(cut),
	                                    .last_bytes = (uint32_t)super_packet_last_len(cut),
	                                    .flow = class->flow,
	                                    .is_urgent = class->is_urgent,
	                                    .is_doubled = class->is_doubled,
	                                    .is_pinned = class->is_pinned,
	                                    .path_id = class->path_id,
	                                    .is_ect = ecn_of(cut->packet) != ECN_NOT_ECT};
	read->is_to_mark = false;
	b->newest = read->home;
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

/* Of a super-packet one packet, as one would be dropped: by how many have marks some senders
 * reckon how far to slow down (RFC 8257), and a mark in the header of the whole would be on each.
 */
void backlog_mark(struct backlog *b)
{
	read_of(b->sender->waiting.first)->is_to_mark = true;
}

bool backlog_cut(struct backlog *b, struct send_ticket *ticket, uint8_t *dst,
                 const struct read_pool *mine)
{
	struct read_buffer *read = read_of(ticket);
	bool is_to_mark = read->is_to_mark;

	super_packet_next(&read->cut, dst);
	if (is_to_mark)
		ecn_set(dst, ECN_CE);
	read->is_to_mark = false;
	one_less(b, read, mine);
	return is_to_mark;
}

bool backlog_drop(struct backlog *b, const struct read_pool *mine)
{
	struct send_ticket *ticket = sender_drop(b->sender);

	if (!ticket)
		return false;
	super_packet_skip(&read_of(ticket)->cut);
	read_of(ticket)->is_to_mark = false; /* that it is dropped is as much of a sign */
	one_less(b, read_of(ticket), mine);
	return true;
}

/* Of the memory that the newest read came from: what it took of it is what is to be made up for. */
static bool holds_too_much(const struct backlog *b)
{
	return !backlog_is_empty(b) && b->held[b->newest->id] > read_pool_spare(b->newest);
}

enum sender_excess backlog_excess(const struct backlog *b, uint64_t now_ns)
{
	enum sender_excess excess = sender_excess(b->sender, now_ns);

	if (excess == SENDER_KEEPS && b->sender->is_held_up && holds_too_much(b))
		return SENDER_TOO_MANY;
	return excess;
}
