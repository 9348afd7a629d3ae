/* SPDX-License-Identifier: MIT */
#include "control/walk.h"

#include "base/rcu.h"

static void turn(struct deadline *d, uint64_t now_ns)
{
	struct walk *walk = caa_container_of(d, struct walk, turn);
	unsigned cost = 0;

	while (walk->next < walk->count && cost < walk->cost_max)
		cost += walk->calls->step(walk->arg, walk->next++, now_ns);
	if (walk->next < walk->count)
		deadline_set(walk->heap, &walk->turn, now_ns); /* room: it was set a moment ago */
	else
		walk->calls->done(walk->arg, now_ns);
}

void walk_init(struct walk *walk, struct deadline_heap *heap, const struct walk_calls *calls,
               void *arg, unsigned cost_max)
{
	*walk = (struct walk){.heap = heap,
	                      .calls = calls,
	                      .arg = arg,
	                      .cost_max = cost_max,
	                      .turn.expired = turn};
}

int walk_begin(struct walk *walk, size_t count, uint64_t now_ns)
{
	walk->next = 0;
	walk->count = count;
	return deadline_set(walk->heap, &walk->turn, now_ns);
}

bool walk_is_under_way(const struct walk *walk)
{
	return deadline_is_set(&walk->turn);
}

void walk_stop(struct walk *walk)
{
	deadline_cancel(walk->heap, &walk->turn);
}
