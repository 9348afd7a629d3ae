/* SPDX-License-Identifier: MIT */
/* measure.h - when a sender sends something for the sake of its path models alone.
 *
 * A *clean* probe is one that can have met no queue: it tells the way of a path (path_model.h). And
 * a *train* of probes, sent at once when a path has no queue and is known to be alive, tells its
 * capacity before there is much traffic: a path that begins with an assumption would have to double
 * it for half a second or longer. One train for each path and each address that it leads to, as
 * soon as it answers, so that the first connection finds it measured. Where addresses change all
 * the time a peer that is merely there would be sent one after the other: there is one in 100 s
 * then, and others only when a connection begins (measure_expect()). And where many peers come at
 * once, as to a gateway that was restarted, those for whom no connection begins wait for their
 * turn.
 *
 * Neither is answered: the next report tells of them. Of a train it tells the rate alone, so its
 * probes are nothing that could be overdue.
 *
 * Pure; time comes in. In the role of the sender.
 */
#ifndef SCHED_MEASURE_H
#define SCHED_MEASURE_H

#include <stdint.h>

#include "sched/sender.h"

enum measure {
	MEASURE_NOTHING,
	MEASURE_DELAY, /* a probe leaves over the path, now */
	MEASURE_TRAIN, /* TRAIN_LENGTH of them (arrivals.h), now */
	MEASURE_TURN,  /* a train that nobody waits for: measure_take_turn(), then ask again */
};

/* What path @path_id, which carries data by what is learned, is to be measured with now; begins the
 * pause before a clean probe where it is loaded. Before the runs of bulk, every STRIPE_TICK_NS and
 * when measure_due_ns() has come.
 */
enum measure measure_next(struct sender *s, uint8_t path_id, uint64_t now_ns);

/* The next train that nobody waits for may leave at @from_ns, which is not 0. */
void measure_take_turn(struct sender *s, uint64_t from_ns);

/* A connection to the peer may begin, and bulk follow. */
static inline void measure_expect(struct sender *s, uint64_t now_ns)
{
	s->stripe.expected_ns = now_ns;
}

/* A lone probe left with @t_tx_us in it, the time @now_ns. */
void measure_probe_sent(struct sender *s, uint8_t path_id, uint32_t t_tx_us, uint64_t now_ns);

/* When the first pause ends, or a train that was put off may leave; NEVER_NS: there is neither. */
uint64_t measure_due_ns(const struct sender *s);

#endif
