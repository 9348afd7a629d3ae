/* SPDX-License-Identifier: MIT */
/* signs.h - what the life signs of one path say, on its way to the control thread.
 *
 * Probes and their answers decide whether a path lives, so they do not stand in a queue that
 * anybody can fill: each path keeps the newest SIGNS_KEPT of each kind, and a newer one takes the
 * place of the oldest. Whoever falls behind misses old news only. The last few are kept rather than
 * the last one because health.h wants answers in a row: as long as more than ANSWERS_UP of them are
 * kept, what was overwritten cannot look like a gap that matters.
 *
 * One writer at a time (the emitting role of the peer's `arriving` sequencer), one reader
 * (control). Neither waits for the other. Each slot carries the number of the sign that it holds,
 * as twice that number, and is odd while it is written:
 *
 *   writer  mark = 2n + 1  members (release)  mark = 2n + 2 (release)  written = n + 1 (release)
 *   reader  written (acquire)  mark is 2n + 2 (acquire)  members (acquire)  mark is the same
 *
 * A reader that takes in a member of a later sign sees that sign's odd mark as well, since the
 * release of the member comes after it, and leaves the slot alone. No fences: ThreadSanitizer knows
 * none.
 */
#ifndef DATAPLANE_SIGNS_H
#define DATAPLANE_SIGNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SIGNS_KEPT 8u /* a power of two, above the answers in a row that bring a path up */

#define SIGN_WHOLE 0x10000u /* above all numbers of probes */

/* An ECHO or a PROBE that came in on a path. */
struct life_sign {
	uint32_t key;    /* our index of the keypair under which it came */
	uint32_t number; /* ECHO: seq of our probe, SIGN_WHOLE added if that was for the path's MTU;
			  * PROBE: the peer's own id of the path
			  */
	uint32_t rtt_us; /* ECHO: from the probe's departure to its arrival, hold time taken off */
	/* Datagrams put on the path and heard of it, of one direction: away from us for an ECHO,
	 * towards us for a PROBE. Both wrap.
	 */
	uint32_t sent, heard;
};

struct sign_slot {
	_Atomic uint32_t mark;
	_Atomic uint32_t key, number, rtt_us, sent, heard;
};

/* All zero: nothing came yet. */
struct sign_ring {
	_Atomic uint32_t written; /* signs so far, wraps */
	struct sign_slot slot[SIGNS_KEPT];
};

/* Keeps @sign, in place of the oldest. The writer. */
void signs_put(struct sign_ring *ring, const struct life_sign *sign);

/* The oldest sign that is still kept of those after the first *@taken; moves *@taken (0 at first,
 * the reader's own) behind it. False when there is none. The reader.
 */
bool signs_take(struct sign_ring *ring, uint32_t *taken, struct life_sign *ret);

/* How many there were so far: *@taken for a reader that wants only what comes from now on. Any
 * thread.
 */
static inline uint32_t signs_written(const struct sign_ring *ring)
{
	return atomic_load_explicit(&ring->written, memory_order_acquire);
}

#endif
