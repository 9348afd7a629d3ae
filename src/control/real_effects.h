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
struct engine;
struct uplink;

struct real_effects {
	struct effects fx;
	struct engine *engine;
	struct deadline_heap *deadlines;
	const struct uplink *uplinks; /* whose pairs of sockets the engine's links are */
};

/* What it is given must stay where it is, and so must @real: it is a member of struct control,
 * where links and peers are found that some effects are about.
 */
void real_effects_init(struct real_effects *real, struct engine *engine,
                       struct deadline_heap *deadlines, const struct uplink *uplinks);

#endif
