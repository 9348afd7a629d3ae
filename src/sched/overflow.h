/* SPDX-License-Identifier: MIT */
/* overflow.h - whether the primary paths of a peer are full, so that bulk may go over others too.
 *
 * Reckoned is what the primary paths would still have to send had they been given everything, also
 * what others took: else that would make room on them, and the others would leave again at once.
 * They are full when that has been more than 5 ms of their capacities for 200 ms without a break,
 * and for as long as it stays so. It is taken to be half a second at most, which is how long the
 * others go on after the last of a load.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_OVERFLOW_H
#define SCHED_OVERFLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define OVERFLOW_LEAST_NS (5 * NS_PER_MS)
#define OVERFLOW_AFTER_NS (200 * NS_PER_MS)
#define OVERFLOW_MOST_NS  (500 * NS_PER_MS)
#define OVERFLOW_LOOK_NS  NS_PER_MS /* not more often */

/* All zero at first. */
struct overflow {
	bool is_open;        /* they are full */
	uint64_t sent_bytes; /* over any path, ever, headers included; whoever sends adds to it */
	uint64_t seen_bytes; /* of these, when last looked ... */
	uint64_t seen_ns;    /* ... which was then */
	uint64_t left_bytes; /* of these, what the primary paths would still have to send */
	uint64_t waiting_bytes; /* then */
	uint64_t full_ns;       /* since when that is too much; 0: it is not */
};

/* Looks whether they are full, which carry @bytes_per_s together (0: nobody knows), while
 * @waiting_bytes wait. Whenever bulk is about to be given to a path.
 */
void overflow_look(struct overflow *o, uint64_t waiting_bytes, uint64_t bytes_per_s,
                   uint64_t now_ns);

#endif
