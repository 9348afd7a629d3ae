/* SPDX-License-Identifier: MIT */
#include "dataplane/peer.h"

#include <stdlib.h>

#include "dataplane/reorder.h"

struct dp_peer *dp_peer_create(const struct dp_peer_settings *set)
{
	struct dp_peer *peer = aligned_alloc(CACHE_LINE, sizeof *peer);

	if (!peer)
		return NULL;
	*peer = (struct dp_peer){.engine = set->engine,
	                         .mailbox = set->mailbox,
	                         .queues = set->queues,
	                         .free_parts = set->free_parts,
	                         .control = set->control};
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
	if (peer->free_parts)
		peer->free_parts(peer);
	free(peer);
}

void dp_peer_put(struct dp_peer *peer)
{
	if (peer && reference_put(&peer->references))
		call_rcu(&peer->rcu, free_after_grace);
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
