/* SPDX-License-Identifier: MIT */
/* send_run.h - what one path takes in a row: as it is asked for, and while it is taken. Values
 * alone, see sender.h.
 */
#ifndef SCHED_SEND_RUN_H
#define SCHED_SEND_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/duplicate.h"
#include "sched/pull.h"

/* Packets that the caller has in hand, of one read: they were not offered. */
struct send_hand {
	struct pull_backlog left; /* a packet at least */
	uint32_t read_packets;    /* of the one read that is next */
	uint32_t flow;
	bool is_urgent, is_doubled, is_pinned; /* as in struct send_class */
	uint8_t path_id;
};

/* What may be taken now. It becomes a run with sender_sent(). */
struct send_run {
	uint16_t path_mask; /* of the paths that carry it, one as a rule; see stripe_share */
	uint8_t path_id;    /* the lowest of them, by place in the table; of two the chosen one */
	bool is_ordered;    /* the receiver has to restore the order; in LANE_ORDERED then */
	bool is_urgent;     /* taken out of the latency class */
	enum duplicate_way copy; /* of its only packet ... */
	uint8_t copy_path_id;    /* ... goes over this path */
	bool is_of_one_flow;
	bool is_pinned;     /* of what has its path by configuration; else of none of it, ... */
	bool takes_all;     /* ... unless nobody minds */
	uint32_t flow;      /* that one, or that of the packet that leaves twice */
	uint32_t bytes_max; /* another packet may be taken while fewer than these were taken ... */
	uint32_t packets_max;            /* ... and fewer than these ... */
	uint32_t packet_min, packet_max; /* ... if it has so many bytes */
	uint32_t bytes, packets;         /* taken so far */
};

/* Whether a packet of @flow may go in it, as the first one did. */
static inline bool send_run_suits(const struct send_run *run, uint32_t flow, bool is_pinned)
{
	return (run->takes_all || is_pinned == run->is_pinned) &&
	       (!run->is_of_one_flow || flow == run->flow);
}

/* All zero it is full. */
static inline bool send_run_is_full(const struct send_run *run)
{
	return run->bytes >= run->bytes_max || run->packets >= run->packets_max;
}

/* Whether a packet of @bytes may be taken as the next one. */
static inline bool send_run_takes(const struct send_run *run, uint32_t bytes)
{
	return !send_run_is_full(run) && bytes >= run->packet_min && bytes <= run->packet_max;
}

/* Whether another packet of @bytes fits into @run, which it belongs to then. */
static inline bool send_run_add(struct send_run *run, uint32_t bytes)
{
	if (!send_run_takes(run, bytes))
		return false;
	run->bytes += bytes;
	run->packets++;
	return true;
}

enum sender_outcome {
	SENDER_RUN,     /* *ret_run says what */
	SENDER_NOTHING, /* nothing waits */
	SENDER_BLOCKED, /* no session or no path: ask again when the facts have changed */
	SENDER_WAIT,    /* not before sender_pump_ns(), unless a report comes */
};

#endif
