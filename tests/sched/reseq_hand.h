/* SPDX-License-Identifier: MIT */
/* reseq_hand.h - packets put into a resequencer by hand; what it delivers is written down. */
#ifndef TESTS_SCHED_RESEQ_HAND_H
#define TESTS_SCHED_RESEQ_HAND_H

#include "sched/reseq.h"

#define START_NS   (1000 * NS_PER_S)
#define SLACK_NS   (5 * NS_PER_MS)
#define UNKNOWN_NS (20 * NS_PER_MS) /* assumed difference of paths that were not probed */

enum {
	A,
	B,
	C,
	UNKNOWN = PATHS_MAX
};

extern struct reseq reseq;

/* Numbers delivered since it was looked at, e.g. "3 4 "; those of a second order as "'0 '1 ". */
extern char out[4096];
extern uint64_t second; /* where its numbers begin; 0: there is none */

/* What is due at @now_ns; tickets are numbers here. The deadline is what reseq_take() keeps. */
void run_at(uint64_t now_ns);

/* Number @seq comes over @path, and what is due then. */
void put_at(uint64_t seq, unsigned path, uint64_t now_ns);

/* Packets over A, one per ms, from @seq on: returns the number behind them. */
uint64_t stream(uint64_t seq, uint64_t from_ns, unsigned ms);

#endif
