/* SPDX-License-Identifier: MIT */
/* copies.h - a sender's copies that leave later than their packets (duplicate.h).
 *
 * The caller keeps the sealed packets for SENDLOG_KEPT_NS, as for repairs (heard.h). A copy counts
 * as sent over its path like everything else, since the peer counts what comes. Its packet keeps
 * its record as it was: what a report tells of it is at most DUPLICATE_LATER_NS off, for few
 * packets, and should the path die it has to be sent again elsewhere.
 *
 * Pure; time comes in. In the role of the sender.
 */
#ifndef SCHED_COPIES_H
#define SCHED_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/sender.h"

/* What was sent now over @path_id under @numbers, a run whose copy is DUPLICATE_LATER, is kept. */
void sender_copy_later(struct sender *s, uint8_t path_id, const struct send_numbers *numbers,
                       uint64_t now_ns);

/* Whether a copy is to leave. */
static inline bool sender_copy_is_due(const struct sender *s, uint64_t now_ns)
{
	return duplicate_due_ns(s->stripe.duplicate) <= now_ns;
}

/* Takes out the copy that is due, and the path for it. False: that path takes no data any more. */
bool sender_take_copy(struct sender *s, const struct sender_facts *facts,
                      struct send_numbers *ret_numbers, uint8_t *ret_path_id);

/* It was sent so, with @bytes of inner packet; or, with 0, the caller has it no more. */
void sender_copied(struct sender *s, uint8_t path_id, uint32_t bytes, uint64_t now_ns);

/* Nothing is kept any more, so nothing leaves again. */
void sender_forget_copies(struct sender *s);

#endif
