/* SPDX-License-Identifier: MIT */
#include "dataplane/beliefs.h"

#define PUT(at, value) atomic_store_explicit(&(at), value, memory_order_relaxed)
#define GET(at)        atomic_load_explicit(&(at), memory_order_relaxed)

void beliefs_set(struct beliefs *all, unsigned path_id, const struct path_belief *belief)
{
	__typeof__(all->path[0]) *at = &all->path[path_id];

	if (!belief) {
		PUT(at->is_known, false);
		return;
	}
	PUT(at->rtt_ns, belief->rtt_ns);
	PUT(at->way_ns, belief->way_ns);
	PUT(at->jitter_ns, belief->jitter_ns);
	PUT(at->queue_ns, belief->queue_ns);
	PUT(at->arrived, belief->arrived_bytes_per_s);
	PUT(at->capacity, belief->capacity_bytes_per_s);
	PUT(at->loss_ppm, belief->loss_ppm);
	PUT(at->is_known, true);
}

/* Clocks of two hosts have nothing to do with each other: only differences mean anything. */
static int64_t shortest_way_ns(const struct beliefs *all)
{
	int64_t least_ns = INT64_MAX;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		int64_t way_ns = GET(all->path[i].way_ns);

		if (GET(all->path[i].is_known) && way_ns < least_ns)
			least_ns = way_ns;
	}
	return least_ns;
}

bool beliefs_get(const struct beliefs *all, unsigned path_id, struct path_belief *ret)
{
	const __typeof__(all->path[0]) *at = &all->path[path_id];

	if (!GET(at->is_known))
		return false;
	*ret = (struct path_belief){.rtt_ns = GET(at->rtt_ns),
	                            .way_ns = GET(at->way_ns) - shortest_way_ns(all),
	                            .jitter_ns = GET(at->jitter_ns),
	                            .queue_ns = GET(at->queue_ns),
	                            .arrived_bytes_per_s = GET(at->arrived),
	                            .capacity_bytes_per_s = GET(at->capacity),
	                            .loss_ppm = GET(at->loss_ppm)};
	return true;
}
