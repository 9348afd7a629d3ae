/* SPDX-License-Identifier: MIT */
/* budget.h - how much of a processor the work that strangers cause may take.
 *
 * Handshake messages come from anybody, and each costs: to be received, for its MACs, at worst for
 * two multiplications on the curve. So the time that they took is measured and comes back at
 * BUDGET_PERCENT of real time. When it is used up - a single piece of work may overdraw it -
 * nothing is begun until half of it is there again, so that a flood is worked on in few long pieces
 * rather than in many short ones, each with its own wake-up.
 *
 * Time and used processor time as arguments. One thread (gate).
 */
#ifndef CONTROL_BUDGET_H
#define CONTROL_BUDGET_H

#include "base/bucket.h"
#include "vtrunkd/limits.h"

/* Of one processor, of all threads together that work for strangers. With the kernel's own share a
 * flood takes less than a fifth of it.
 */
#define BUDGET_PERCENT 15u

/* What can be saved up, in real time: a gateway all of whose peers come back at once begins with
 * this.
 */
#define BUDGET_ROOM_NS (100 * NS_PER_MS)

/* All zero: full. */
struct budget {
	struct bucket bucket;
};

/* Whether anything is left. */
bool budget_has(const struct budget *b, uint64_t now_ns);

/* When half of it is there again: not before, once it was used up. @now_ns or later. */
uint64_t budget_back_ns(const struct budget *b, uint64_t now_ns);

/* @cpu_ns of processor time were used. */
void budget_charge(struct budget *b, uint64_t cpu_ns, uint64_t now_ns);

#endif
