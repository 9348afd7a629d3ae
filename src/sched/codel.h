/* SPDX-License-Identifier: MIT */
/* codel.h - when a queue has to throw a packet away, so that those who fill it slow down: CoDel
 * (RFC 8289). What waits too long for a whole interval is told to its sender, by one packet first,
 * then by more and more. Who understands marks (ECN, RFC 3168) can be told by marking the packet
 * instead.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_CODEL_H
#define SCHED_CODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define CODEL_INTERVAL_NS (100 * NS_PER_MS)

/* All zero: nothing waited too long. */
struct codel {
	uint64_t above_ns; /* when it will have been too long for an interval; 0: it is not */
	uint64_t next_ns;  /* while dropping: when the next one goes */
	uint32_t count;    /* of this series */
	bool is_dropping;
};

/* Nothing is behind what was taken last: what waits from now on begins an interval of its own. Or
 * two short waits, with seconds between them, would look like one that lasted.
 */
static inline void codel_emptied(struct codel *c)
{
	c->above_ns = 0;
	c->is_dropping = false;
}

/* Whether the packet that is taken out now is to be thrown away, or marked. It has waited for
 * @waited_ns, and should not for more than @target_ns. @is_last: hardly anything is behind it.
 */
bool codel_drop(struct codel *c, uint64_t waited_ns, uint64_t target_ns, bool is_last,
                uint64_t now_ns);

#endif
