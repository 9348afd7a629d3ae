/* SPDX-License-Identifier: MIT */
/* report_out.h - the report of what came from a peer leaves over every path that carries data.
 *
 * Under load one is due every 10 ms (sched/arrivals.h); whoever delivers looks after each batch,
 * and an alarm when nothing comes any more. All reports of a thread together may take a hundredth
 * of a processor: with many busy peers there are fewer of each.
 *
 * In the emitting role of the peer's `arriving` sequencer, RCU online.
 */
#ifndef DATAPLANE_REPORT_OUT_H
#define DATAPLANE_REPORT_OUT_H

#include <stdint.h>

#include "dataplane/self.h"

struct dp_peer;
struct feedback;
struct reorder;

/* Makes a report if one is due, or if @reorder (NULL: there is none) is found to wait for a repair,
 * and gives it to dp_follow(). Returns when the next one is due, NEVER_NS: not before something
 * comes.
 */
uint64_t report_out_if_due(struct dp_thread *self, struct dp_peer *peer, struct feedback *fb,
                           const struct reorder *reorder, uint64_t now_ns);

#endif
