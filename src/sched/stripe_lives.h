/* SPDX-License-Identifier: MIT */
/* stripe_lives.h - which of one peer's paths are suspect, doubted, dead, and alive again.
 *
 * A path is *suspect* when something sent over it is overdue, and *dead* when three such moments
 * are, at least a millisecond apart, while another path works: it takes nothing any more, and what
 * it did not deliver is sent again elsewhere. It lives again when reports have told three times
 * that something new came over it (probes go on).
 *
 * A path is *doubted* when it is said to lead nowhere by somebody who may lie or be mistaken (an
 * ICMP error, one refused datagram): until something that left later is known to have arrived, for
 * a round trip as a rule, it takes nothing that another path can take.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_STRIPE_LIVES_H
#define SCHED_STRIPE_LIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/stripe.h"

#define STRIPE_REPORT_NS    (10 * NS_PER_MS)  /* between two reports while data flows */
#define STRIPE_REPORT_MAX   (100 * NS_PER_MS) /* ... and at most, when they are lost or late */
#define STRIPE_DEAD_OVERDUE 3u
#define STRIPE_BACK_REPORTS 3u

/* Every STRIPE_TICK_NS. Returns the paths that died now. */
uint16_t stripe_tick(struct stripe *st, const struct path_table *table, bool is_empty,
                     uint64_t now_ns);

/* A report came that is newer than all before. */
void stripe_reported(struct stripe *st, uint64_t now_ns);

/* For how long a report may be waited for while data flows: they come less often for little data,
 * and are lost themselves.
 */
uint64_t stripe_report_ns(const struct stripe *st);

/* A report told that something new has arrived over @path_id. */
void stripe_progress(struct stripe *st, uint8_t path_id, uint64_t now_ns);

/* At @at_ns @path_id was said to lead nowhere. False: nothing comes of it, since it was never used,
 * or is dead.
 */
bool stripe_doubt(struct stripe *st, uint8_t path_id, uint64_t at_ns);

/* Something was heard of it: whether it is doubted still. */
void stripe_look_at_doubt(struct stripe *st, uint8_t path_id);

#endif
