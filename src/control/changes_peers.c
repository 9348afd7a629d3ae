/* SPDX-License-Identifier: MIT */
#include "control/changes_peers.h"

#include "base/log.h"
#include "control/changer.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/peer_verdict.h"
#include "control/peers.h"

/* ---- peers that come and go ---- */

RECONCILE_READY(change_ready_peer)
{
	struct changes *changes = changes_of(by);
	struct peer *peer;
	int r;

	changes->shared.now_ns = changes->loop->now_ns;
	r = peer_create(&changes->shared, list->to, change->new_peer, &peer);
	if (r)
		return r;
	if (changes->arriving)
		changes->last_arriving->next_changing = peer;
	else
		changes->arriving = peer;
	changes->last_arriving = peer;
	return 0;
}

/* They come in the order in which they were readied. */
static struct peer *next_arriving(struct changes *changes)
{
	struct peer *peer = changes->arriving;

	changes->arriving = peer->next_changing;
	peer->next_changing = NULL;
	return peer;
}

RECONCILE_STEP(change_drop_peer)
{
	(void)list, (void)change;
	peer_destroy(next_arriving(changes_of(by)));
}

RECONCILE_STEP(change_add_peer)
{
	struct changes *changes = changes_of(by);
	struct peer *peer = next_arriving(changes);

	for (size_t i = 0; i < change->new_peer->endpoint_count; i++) {
		const char *link = desired_endpoint_link(list->to, &change->new_peer->endpoints[i]);

		peer->endpoints.known[i].link = links_find(changes->links, link);
	}
	peers_add(changes->peers, peer);
}

RECONCILE_STEP(change_remove_peer)
{
	struct changes *changes = changes_of(by);
	struct peer *peer = peers_find(changes->peers, change->old_peer->public_key);

	if (!peer)
		return; /* at the end of a start that failed */
	if (list->to)
		log_info("peer=%s: removed", peer->name);
	peers_remove(changes->peers, peer);
	peer_say_goodbye(peer);
	peer_leave(peer);
	peer->next_changing = changes->leaving;
	changes->leaving = peer;
}
