/* SPDX-License-Identifier: MIT */
#include "dataplane/peer.h"

#include <sched.h>
#include <stdlib.h>

#include "dataplane/outbound.h"
#include "dataplane/reorder.h"

struct dp_peer *dp_peer_create(const struct dp_peer_settings *set)
{
	unsigned queues = set->queues;
	struct dp_peer *peer = aligned_alloc(CACHE_LINE, sizeof *peer);
	struct outbound *out = aligned_alloc(CACHE_LINE, queues * sizeof *out);

	if (!peer || !out) {
		free(out);
		free(peer);
		return NULL;
	}
	*peer = (struct dp_peer){.engine = set->engine,
	                         .mailbox = set->mailbox,
	                         .queues = queues,
	                         .control = set->control,
	                         .out = out};
	for (unsigned i = 0; i < queues; i++)
		out[i] = (struct outbound){.peer = peer, .staged.peer = peer};
	sequencer_init(&peer->arriving, 0);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		sequencer_init(&peer->path[i].leaving, i);
	atomic_init(&peer->followed_path, PATH_NONE);
	alarm_init(&peer->overdue, set->overdue);
	reference_init(&peer->references);
	return peer;
}

struct dp_peer *dp_peer_get(struct dp_peer *peer)
{
	return reference_get(&peer->references) ? peer : NULL;
}

static void free_after_grace(struct rcu_head *head)
{
	struct dp_peer *peer = caa_container_of(head, struct dp_peer, rcu);

	reorder_destroy(peer->reorder);
	free(peer->out);
	free(peer);
}

void dp_peer_put(struct dp_peer *peer)
{
	if (peer && reference_put(&peer->references))
		call_rcu(&peer->rcu, free_after_grace);
}

/* Waits where two meet; the other one may have lost its processor. */
void dp_peer_begin_numbering(struct dp_peer *peer)
{
	unsigned tries = 0;

	while (atomic_exchange_explicit(&peer->is_numbering, true, memory_order_acquire)) {
		if (++tries % 64)
			caa_cpu_relax();
		else
			sched_yield();
	}
}

void dp_peer_end_numbering(struct dp_peer *peer)
{
	atomic_store_explicit(&peer->is_numbering, false, memory_order_release);
}

uint64_t dp_peer_staged(const struct dp_peer *peer)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < peer->queues; i++)
		sum += counter_read(&peer->out[i].staged.len);
	return sum;
}

unsigned dp_peer_queue(const struct dp_peer *peer)
{
	return (unsigned)((uintptr_t)peer / sizeof *peer % peer->queues);
}

unsigned dp_peer_find_path(const struct dp_peer *peer, const struct route *route)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_target *target = rcu_dereference(peer->path[i].target);

		if (target && route_is_same_way(&target->route, route))
			return i;
	}
	return PATH_NONE;
}
