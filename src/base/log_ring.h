/* SPDX-License-Identifier: MIT */
/* log_ring.h - lines on their way from whoever says them to the one who writes them.
 *
 * Bounded: who puts never waits, a full ring loses the line and counts it. Many may put, one
 * takes, and none needs a lock (D. Vyukov's bounded queue: each slot carries the turn at which it
 * may be used). The one who takes learns how many lines were lost before the one in hand.
 */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/log_format.h"

#define LOG_RING_LINES 256u /* a power of two; half a megabyte, touched only as far as it is used */

struct log_ring_slot {
	_Atomic unsigned turn;
	uint64_t lost; /* of the whole ring when this line was put */
	struct log_line line;
};

struct log_ring {
	struct log_ring_slot slot[LOG_RING_LINES];
	_Atomic unsigned put;
	unsigned taken; /* the taker's */
	counter_t lost;
};

/* Empties it. Nobody uses it meanwhile. */
void log_ring_init(struct log_ring *ring);

/* Any thread. False, and the line is lost and counted, when there is no room. */
bool log_ring_put(struct log_ring *ring, const struct log_line *line);

/* One thread. False when there is nothing. *@ret_lost is how many were lost until the line was
 * put.
 */
bool log_ring_take(struct log_ring *ring, struct log_line *ret, uint64_t *ret_lost);

#endif
