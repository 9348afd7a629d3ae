/* SPDX-License-Identifier: MIT */
/* heard.h - what a sender makes of the reports it gets: what arrived, what is missing, what is to
 * be sent again, which path is dead.
 *
 * A counter is lost when something sent over the same path later, by more than the path is known to
 * reorder, has arrived. It is sent again twice at most. What a dead path did not deliver within the
 * last second is sent again as a whole.
 *
 * The caller keeps the sealed packets for SENDLOG_KEPT_NS.
 *
 * Pure; time comes in. In the role of the sender.
 */
#ifndef SCHED_HEARD_H
#define SCHED_HEARD_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/patience.h"
#include "sched/report.h"
#include "sched/sender.h"

/* @report came, over whatever path. False: it is not newer than one before, and has no effect. One
 * that tells of another keypair counts whatever its number: the peer may have begun another life,
 * in which it numbers anew. Then what is believed of the paths is forgotten, for its clock may have
 * another origin. (The caller has to see to it that no report from before a change of keys comes
 * after one from behind it.)
 */
bool sender_heard(struct sender *s, const struct report *report, uint64_t now_ns);

/* An answer to a probe over @path_id came after @rtt_ns. */
void sender_answered(struct sender *s, uint8_t path_id, uint64_t rtt_ns, uint64_t now_ns);

/* What the receiver of the peer needs who sees the same loops as we do. */
struct patience sender_patience(const struct sender *s);

/* The next packet to send once more, and the path for it. Before the runs of bulk. False: none, or
 * not before sender_pump_ns().
 */
bool sender_next_repair(struct sender *s, const struct sender_facts *facts, uint64_t now_ns,
                        struct send_numbers *ret_numbers, uint8_t *ret_path_id);

/* The packet that sender_next_repair() meant has @bytes, which may be too many for the path that
 * was chosen: makes *@path_id one that carries them, if there is any. False: not before
 * sender_pump_ns().
 */
bool sender_fit_repair(struct sender *s, const struct sender_facts *facts, uint32_t bytes,
                       uint64_t now_ns, uint8_t *path_id);

/* It was sent so, with @bytes of inner packet; or, with 0, the caller has it no more. */
void sender_repaired(struct sender *s, uint8_t path_id, uint32_t bytes, uint64_t now_ns);

/* Path @path_id carries data no more, as is known from elsewhere: what it did not deliver within
 * the last second is sent again.
 */
void sender_path_failed(struct sender *s, uint8_t path_id, uint64_t now_ns);

/* The same if it was only said so, at @at_ns, by somebody who may lie: while there is another path.
 * What went over it counts as before.
 */
void sender_path_doubted(struct sender *s, const struct sender_facts *facts, uint8_t path_id,
                         uint64_t at_ns, uint64_t now_ns);

/* Every STRIPE_TICK_NS while data flows: what is overdue, and what has to be sent again for it.
 * Returns the paths that died since the last call.
 */
uint16_t sender_tick(struct sender *s, const struct sender_facts *facts, uint64_t now_ns);

#endif
