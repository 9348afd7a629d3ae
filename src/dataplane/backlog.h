/* SPDX-License-Identifier: MIT */
/* backlog.h - the reads of one peer that wait, uncut, in the queue of its sender.
 *
 * How many packets may wait, and for how long, is the sender's to say (sched/sender.h). Beside
 * that their memory is shared out here: of each dispatcher's read buffers a peer that nothing can
 * be sent to may hold as much as nobody holds, and if it holds more its own oldest packets go. So
 * one that is flooded has half of the memory at most, many that are leave as much free as each of
 * them has, and the few packets of others find room, without anything that the peers would have to
 * agree on but one number. (Dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on
 * Networking 6(2), 1998, with a factor of 1.)
 *
 * One thread at a time, in the role of the peer's outflow. @mine is always the pool of the running
 * thread, or NULL.
 */
#ifndef DATAPLANE_BACKLOG_H
#define DATAPLANE_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/read_buffer.h"
#include "dataplane/tun.h"
#include "sched/sender.h"

struct backlog {
	struct sender *sender;         /* set once */
	uint32_t held[TUN_QUEUES_MAX]; /* bytes, of each dispatcher's memory */
	const struct read_pool *newest; /* that of the latest read that had to wait */
};

/* Nothing waits. */
void backlog_init(struct backlog *b, struct sender *sender);

static inline bool backlog_is_empty(const struct backlog *b)
{
	return !sender_waiting(b->sender);
}

/* Whether something waits that goes before what is read now. */
static inline bool backlog_goes_first(const struct backlog *b, bool is_urgent)
{
	return b->sender->urgent.first || (!is_urgent && b->sender->waiting.first);
}

/* What is left of @read, a packet at least, waits from now on. @holder as of read_buffer_wait(). */
void backlog_add(struct backlog *b, struct read_buffer *read, const struct send_class *class,
                 void *holder, uint64_t now_ns);

/* What the sender meant by SENDER_MARKS. */
void backlog_mark(struct backlog *b);

/* Cuts the packet that the sender took out of @ticket. Returns whether it was one to mark. */
bool backlog_cut(struct backlog *b, struct send_ticket *ticket, uint8_t *dst,
                 const struct read_pool *mine);

/* As sender_excess(), with SENDER_TOO_MANY also for too much memory. */
enum sender_excess backlog_excess(const struct backlog *b, uint64_t now_ns);

/* Drops the oldest packet. False: nothing waits. */
bool backlog_drop(struct backlog *b, const struct read_pool *mine);

#endif
