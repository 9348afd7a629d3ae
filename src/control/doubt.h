/* SPDX-License-Identifier: MIT */
/* doubt.h - how often a path may be doubted because somebody says that it leads nowhere.
 *
 * ICMP errors come from anybody who knows addresses and ports, so each costs little: a path is
 * doubted again after 100 ms at the earliest, and after twice the time for each doubt that the path
 * has refuted by an answer, up to 25.6 s; of these half are forgotten for each quiet minute, and
 * all when it falls, for then the last one was right.
 *
 * Pure; time comes in. One thread (control).
 */
#ifndef CONTROL_DOUBT_H
#define CONTROL_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: never. */
struct doubt {
	uint64_t count; /* those taken */
	uint64_t at_ns; /* the last of them */
	unsigned refuted;
};

/* Whether the path, which was answered last at @answered_ns and fell last at @fell_ns (0: never),
 * is to be doubted now.
 */
bool doubt_take(struct doubt *d, uint64_t answered_ns, uint64_t fell_ns, uint64_t now_ns);

#endif
