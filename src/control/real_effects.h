/* SPDX-License-Identifier: MIT */
/* real_effects.h - the effects of the daemon: its engine, its links, its loop, the system's clock
 * and random numbers, the log (effects.h).
 *
 * Control thread.
 */
#ifndef CONTROL_REAL_EFFECTS_H
#define CONTROL_REAL_EFFECTS_H

#include "control/effects.h"

struct deadline_heap;
struct detours;
struct engine;
struct resolver;
struct uplinks;

/* What of the daemon they work with. All of it stays where it is. */
struct real_parts {
	struct engine *engine;
	struct deadline_heap *deadlines;
	struct uplinks *uplinks; /* whose pairs of sockets the engine's links are */
	struct resolver *const
		*resolver; /* which may come later, before there is a name to ask for */
	struct detours *detours;
	bool *has_new_targets; /* set when a path of somebody leads elsewhere */

	/* A link does what it did not before: peers may have to look for other addresses. */
	void (*network_changed)(void *arg, uint64_t now_ns);
	void *arg;
};

struct real_effects {
	struct effects fx;
	struct real_parts of;
};

/* @real must stay where it is. */
void real_effects_init(struct real_effects *real, const struct real_parts *parts);

#endif
