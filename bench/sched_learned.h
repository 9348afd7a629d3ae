/* SPDX-License-Identifier: MIT */
/* sched_learned.h - `vtbench sched` of a sending half that goes by what it has learned. */
#ifndef BENCH_SCHED_LEARNED_H
#define BENCH_SCHED_LEARNED_H

#include "bench/measure.h"

/* The time per packet to choose who takes what of a backlog, among @paths of which each is slower
 * and longer than the one before, to take it and to record it, with an account kept. False, after a
 * message, when not all of them took part.
 */
bool sched_measure_learned(unsigned paths, double time_s, struct spread *ret);

#endif
