/* SPDX-License-Identifier: MIT */
/* pipe.h - one direction of a link: a queue that throws away its newest when full, a rate, loss
 * behind it, a delay with jitter that keeps order unless it is told otherwise.
 *
 * The rate of a cell wanders between two, in the logarithm (a first order autoregression, a step
 * each 100 ms), and at times it stands still: a handover.
 */
#ifndef BOND_PIPE_H
#define BOND_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "../random.h"
#include "packet.h"

/* What a link is. */
struct pipe_settings {
	double mbps; /* 0: without limit */
	double delay_ms, jitter_ms, loss_percent;
	double queue_ms;          /* 0: 100 */
	double burst;             /* mean length of a run of losses; up to 1: each by itself */
	double lte_low, lte_high; /* Mbit/s between which the rate wanders; 0: it stays */
	double handover_s;        /* mean time between two; 0: there are none */
	bool is_unordered;        /* jitter is normal, and lets packets overtake each other */
	bool is_one_way;          /* the other direction has no jitter and no loss */
	double up_mbps;           /* the other direction; 0: at most 20 */
	double up_delay_ms;       /* the same; 0: as this one */
};

#define PIPE_STREAMS 64u /* of random numbers: those of pipe_begin() are below */

typedef void (*pipe_receive)(void *host, unsigned path, struct packet *p);

struct pipe {
	struct pipe_settings set;
	struct sim_random random; /* for each packet */
	struct sim_random trace;  /* for what happens whatever is sent */
	void *host;
	unsigned path;
	pipe_receive receive;
	double bytes_per_ns;
	double jitter_ns, delay_ns;
	bool is_dead, is_bad, is_busy;
	uint64_t still_until_ns;
	struct packet *first, *last;               /* in the queue */
	struct packet *first_flying, *last_flying; /* behind it, by arrival */
	uint64_t queued_bytes, last_arrival_ns;
	uint64_t dropped, lost, carried_bytes;
	double carried_max; /* bytes since it was begun that the rate allows */
	uint64_t rated_at_ns;
};

void pipe_begin(struct pipe *pipe, const struct pipe_settings *set, uint64_t seed, uint64_t stream);

/* Frees what is in it; nothing arrives any more. */
void pipe_end(struct pipe *pipe);

/* Takes @p. */
void pipe_send(struct pipe *pipe, struct packet *p);

/* From now on everything is lost, or no longer. */
void pipe_die(struct pipe *pipe, bool is_dead);

void pipe_set_rate(struct pipe *pipe, double mbps);

/* Bytes that it could have carried from the beginning up to now, or since the last call. */
double pipe_possible(struct pipe *pipe);

#endif
