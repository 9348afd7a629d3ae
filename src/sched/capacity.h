/* SPDX-License-Identifier: MIT */
/* capacity.h - how fast a path is, in bytes of datagrams with their IP headers.
 *
 * Learned from what arrives, by windows of at least 60 ms. Only a window in which more could have
 * been sent all along tells something of the path rather than of those who send:
 *
 *    a queue stood all through it     what arrived is what it can carry
 *    a short queue stood              the same, believed less
 *    none stood                       it can carry more: probe upwards, the longer the faster
 *
 * The first also of a window in which nearly as much arrived as it is thought to carry under a long
 * queue: what is thought too fast seems idle too soon, and would never be told otherwise.
 *
 * And, within a window, a stretch of packets each of which waited for longer than the one before it
 * came earlier: the bottleneck never rested, so what arrived is what it carries, however little was
 * offered.
 *
 * Whatever arrived can be carried, so the estimate is never below that; and it never falls without
 * a queue, so a path that is faster than the processor is not held back by what the processor did,
 * and an idle one keeps what it knew. Packets lost behind the bottleneck were carried by it: with
 * no queue in sight what was sent counts instead of what arrived.
 *
 * Pure. One thread at a time.
 */
#ifndef SCHED_CAPACITY_H
#define SCHED_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define CAPACITY_WINDOW_NS   (60 * NS_PER_MS)
#define CAPACITY_SAMPLES_MIN 4u
#define CAPACITY_FIRST_BPS   1250000u /* assumed until something is known */
#define CAPACITY_FLOOR_BPS   25000u

/* Begins with capacity_init(). */
struct capacity {
	uint64_t bytes_per_s;
	uint64_t limit;               /* from elsewhere: no more is to be sent; 0: none */
	uint32_t ns_per_byte_q16;     /* the same, for capacity_cost_ns() */
	bool is_known;                /* else the assumption stands, and doubles */
	unsigned growth;              /* windows in a row without a queue */
	uint64_t arrived_bytes_per_s; /* in the last window; for people */
	uint64_t most_bytes_per_s;    /* lately: falls by 1 % in a second of traffic */
	uint64_t standing_ns;         /* the queue that stood through the last window */
	struct {
		uint64_t span_ns, delivered, sent;
		uint64_t least_queue_ns;
		unsigned samples, loaded;
	} window;
	struct {
		uint64_t span_ns, delivered, sent;
		uint64_t least_queue_ns, most_queue_ns;
	} busy; /* while the bottleneck has not rested */
};

/* Between two packets of a path that arrived. */
struct capacity_sample {
	uint64_t span_ns;         /* from arrival to arrival */
	uint64_t delivered, sent; /* bytes behind the first up to the second */
	uint64_t queue_ns;        /* that the second met */
	bool is_loaded;           /* more would have been sent, had the path been thought faster */
};

enum capacity_news {
	CAPACITY_OPEN,   /* the window goes on */
	CAPACITY_CLOSED, /* it was judged: standing_ns is new */
};

void capacity_init(struct capacity *c);

/* No more than @bytes_per_s is to be sent over the path, whatever it can carry; 0: there is no such
 * limit, and more is found out as ever.
 */
void capacity_set_limit(struct capacity *c, uint64_t bytes_per_s);

/* A train of probes arrived at this rate. */
void capacity_train(struct capacity *c, uint64_t bytes_per_s);

/* @target_ns: the queue that the sender means to keep in the path. @loop_ns: how long an answer to
 * what it sends takes.
 */
enum capacity_news capacity_sample(struct capacity *c, const struct capacity_sample *sample,
                                   uint64_t target_ns, uint64_t loop_ns);

/* What was gathered of the present window means nothing. */
void capacity_restart(struct capacity *c);

static inline uint64_t capacity_cost_ns(const struct capacity *c, uint64_t bytes)
{
	return bytes * c->ns_per_byte_q16 >> 16;
}

/* What the path carries in @ns, at most one second. */
static inline uint64_t capacity_bytes(const struct capacity *c, uint64_t ns)
{
	return c->bytes_per_s * (ns / NS_PER_US) / (NS_PER_S / NS_PER_US);
}

#endif
