/* SPDX-License-Identifier: MIT */
/* assign.h - which path the next run goes over, by what is believed of the paths (pull.h), for one
 * of a sender's two queues. Leaves in the stripe when to ask again.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_ASSIGN_H
#define SCHED_ASSIGN_H

#include <stdint.h>

#include "sched/send_queue.h"
#include "sched/send_run.h"
#include "sched/stripe.h"

/* For what is in a hurry, @hand: over the quickest path (in mode balance, its flow's), whatever
 * waits; twice, if that loses some. Never SENDER_WAIT.
 */
enum sender_outcome assign_urgent(struct stripe *st, const struct path_table *table,
                                  const struct send_hand *hand, uint64_t now_ns,
                                  struct send_run *ret_run);

/* For bulk, @hand and what waits behind it: not before what has to be sent again, and when a path
 * has room. In mode lowlat that is the one of the latency class, and twice over it as that goes;
 * in mode balance it is that of the flow.
 */
enum sender_outcome assign_bulk(struct stripe *st, const struct path_table *table,
                                const struct send_hand *hand, uint64_t now_ns,
                                struct send_run *ret_run);

/* Begins a run as @share says, with a packet of @bytes. If that does not fit all paths, those that
 * do are left to be chosen for; copies are a run of their own then.
 */
void assign_begin(struct send_run *ret_run, const struct path_table *table,
                  const struct stripe_share *share, uint32_t bytes);

/* Where not all flows have the same path: the next one in @queue whose path has room has its turn.
 * False: there is none. True also where assign_bulk() has another reason to refuse.
 */
bool assign_turn(struct stripe *st, const struct path_table *table, struct send_queue *queue,
                 uint64_t now_ns);

#endif
