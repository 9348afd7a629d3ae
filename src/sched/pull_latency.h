/* SPDX-License-Identifier: MIT */
/* pull_latency.h - where packets go that are in a hurry, by what is believed of each path.
 *
 * To where they arrive first, whatever waits. The path changes seldom, so that they keep their
 * order; but of a lot of them, as the ACKs of a download, no more than PULL_FULL_NS stand in it if
 * another is better at that moment, and no more than PULL_FLOOD_NS in any case.
 *
 * Pure; time comes in. One thread at a time, the one that pulls.
 */
#ifndef SCHED_PULL_LATENCY_H
#define SCHED_PULL_LATENCY_H

#include "sched/pull.h"

/* The slot for packets that are in a hurry: where they come first, whatever waits; it changes
 * seldom, so that they keep their order. What is suspect is passed by at once, but left for good
 * only if it stays so: one packet lost of a thin stream is enough to be suspect for a moment. -1:
 * there is no path.
 */
int pull_latency(struct pull *p, const struct pull_path *path, unsigned len, uint64_t now_ns);

/* A run of that class left on path @path_id, which needs @cost_ns for it. */
void pull_latency_sent(struct pull *p, uint8_t path_id, uint64_t cost_ns, uint64_t now_ns);

/* The slot over which something would arrive first, but for those whose bit by id is in @without;
 * -1: there is none.
 */
int pull_soonest(const struct pull_path *path, unsigned len, uint16_t without, uint64_t now_ns);

#endif
