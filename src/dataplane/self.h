/* SPDX-License-Identifier: MIT */
/* self.h - what one thread of the data plane carries along: the `self` of its functions.
 *
 * Work is done by whoever has it in hand: a worker, or the RX thread, TUN reader or control thread
 * that found the worker asleep. So the functions that seal, open, send and deliver take the running
 * thread as argument and keep their counts there.
 *
 *   [I] set before the thread starts   [U] RCU pointer   [O] this thread
 *   [S] this thread adds, control reads
 */
#ifndef DATAPLANE_SELF_H
#define DATAPLANE_SELF_H

#include "base/align.h"
#include "base/bucket.h"
#include "base/counter.h"
#include "dataplane/batch.h"
#include "dataplane/drop.h"
#include "dataplane/marks.h"

struct allowedips;
struct cipher;
struct coalescer;
struct index_table;
struct mailbox;
struct read_pool;
struct traffic_rules;
struct tun;
struct work;

/* What all of them look up. */
struct dp_tables {
	struct index_table *index;     /* [I] */
	struct allowedips *allowedips; /* [U] published by control, read under RCU; NULL: nobody */
	struct traffic_rules *rules;   /* [U] the same; NULL: there are none */
};

struct dp_thread {
	struct mailbox *mailbox;        /* [I] where control is told */
	struct work *work;              /* [I] the workers, to whom batches are handed */
	const struct dp_tables *tables; /* [I] */
	const struct tun *tun;          /* [I] the device */
	uint32_t mtu;                   /* [I] of it, bytes */
	struct read_pool *reads;        /* [I] of a dispatcher; NULL: it is none */
	unsigned id;                    /* [I] among its role */
	struct cipher *cipher;          /* [O] */
	struct coalescer *coalescer;    /* [O] packets on their way to the TUN device ... */
	int tun_fd;                     /* [O] ... and the queue of it that takes them */

	struct batch *follower, *last_follower; /* [O] see dp_follow() */
	bool has_news;         /* [O] the outflow of the peer in delivery has something to hear */
	struct bucket reports; /* [O] what it may spend on reports, see report_out.h */
	struct bucket answers; /* [O] and on answers to packets too long, see too_long.h */
	uint64_t train_turn_ns; /* [O] of the last train that nobody waits for, see path_watch.h */

	struct batch_pool pool; /* [O] what it allocates from */
	struct batch_pool lasting; /* [O] of a dispatcher: for what is kept after it left */
	uint64_t now_ns;        /* [O] boot time, read once per turn; dispatcher and RX threads */
	unsigned looked_at;     /* [O] where to look next for a worker with less to do */

	_Alignas(CACHE_LINE) counter_t drops[DROP_REASON_COUNT]; /* [S] packets, by reason */
	counter_t marks[MARKS_COUNTS];                           /* [S] packets */
};

static inline void dp_drop(struct dp_thread *self, enum drop_reason reason, uint64_t packets)
{
	counter_add(&self->drops[reason], packets);
}

/* Counts every packet of the batch as dropped and sends the batch home. */
static inline void dp_drop_batch(struct dp_thread *self, struct batch *b, enum drop_reason reason)
{
	dp_drop(self, reason, b->len);
	batch_free(b);
}

/* Keeps @b, a late batch that has entered its path's order, until the present delivery is over: an
 * answer is not sent from within, or delivering and sending would call each other. An answer to
 * each kind of probe, and a report over each path, of each delivery. For who delivers.
 */
static inline void dp_follow(struct dp_thread *self, struct batch *b)
{
	b->next = NULL;
	if (self->follower)
		self->last_follower->next = b;
	else
		self->follower = b;
	self->last_follower = b;
}

/* The next that was kept, or NULL. */
static inline struct batch *dp_take_follower(struct dp_thread *self)
{
	struct batch *b = self->follower;

	if (b)
		self->follower = b->next;
	return b;
}

#endif
