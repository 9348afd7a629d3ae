/* SPDX-License-Identifier: MIT */
/* walk.h - goes through many objects, a few per turn of the loop.
 *
 * With 4096 peers a look at all of them takes milliseconds, in which nobody else gets his turn:
 * handshakes, answers to probes, signals. A walk does a part, then waits for the next turn, which
 * comes at once but after everything that is ready.
 *
 *	walk_begin() --> a turn: step(0), step(1), ... --> next turn: ... --> done()
 *
 * Control thread.
 */
#ifndef CONTROL_WALK_H
#define CONTROL_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/deadline.h"

struct walk_calls {
	/* Looks at object @i; returns what that cost, 1 or more: in the unit of the limit. */
	unsigned (*step)(void *arg, size_t i, uint64_t now_ns);
	void (*done)(void *arg, uint64_t now_ns); /* after the last one */
};

struct walk {
	struct deadline_heap *heap;
	const struct walk_calls *calls;
	void *arg;
	unsigned cost_max; /* per turn: the step that reaches it is the turn's last */
	size_t next, count;
	struct deadline turn; /* set while under way */
};

/* The heap needs room for one deadline, or walk_begin() may fail. */
void walk_init(struct walk *walk, struct deadline_heap *heap, const struct walk_calls *calls,
               void *arg, unsigned cost_max);

/* Through objects 0 .. @count - 1, from the next turn on. One that is under way begins anew.
 * Returns 0 or -ENOMEM.
 */
int walk_begin(struct walk *walk, size_t count, uint64_t now_ns);

bool walk_is_under_way(const struct walk *walk);

/* Calls nothing more. */
void walk_stop(struct walk *walk);

#endif
