/* SPDX-License-Identifier: MIT */
#include "control/changes_peers.h"

#include <stdio.h>

#include "base/log.h"
#include "control/changer.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/peer_endpoints.h"
#include "control/peer_table.h"
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

/* ---- of a peer that goes on ---- */

static struct peer *peer_of(struct reconciler *by, const struct change *change)
{
	return peers_find(changes_of(by)->peers, change->new_peer->public_key);
}

RECONCILE_STEP(change_peer_name)
{
	struct peer *peer = peer_of(by, change);

	(void)list;
	log_info("peer=%s: is called %s from now on", peer->name, change->new_peer->name);
	snprintf(peer->name, sizeof peer->name, "%s", change->new_peer->name);
}

RECONCILE_STEP(change_peer_mode)
{
	struct peer *peer = peer_of(by, change);

	(void)list;
	peer->set.mode = change->new_peer->mode;
	log_info("peer=%s: bonding mode is %s now", peer->name, bonding_mode_name(peer->set.mode));
	peer_share_anew(peer, changes_of(by)->loop->now_ns);
}

RECONCILE_STEP(change_peer_keepalive)
{
	struct peer *peer = peer_of(by, change);
	unsigned seconds = change->new_peer->persistent_keepalive;

	(void)list;
	peer->set.persistent_keepalive_ns = seconds * NS_PER_S;
	log_info("peer=%s: persistent keepalive is %u s now", peer->name, seconds);
}

RECONCILE_STEP(change_peer_preshared_key)
{
	struct peer *peer = peer_of(by, change);

	(void)list;
	noise_remote_set_preshared_key(peer->remote, change->new_peer->preshared_key);
	log_info("peer=%s: has another preshared key, making a new session", peer->name);
	peer_hears(peer, NEWS_SECRET_NEW, &(struct news){.now_ns = changes_of(by)->loop->now_ns});
}

/* ---- allowed IPs ---- */

RECONCILE_READY(change_ready_allowed_ips)
{
	(void)list;
	return peer_settings_ready_allowed_ips(&peer_of(by, change)->set, change->new_peer);
}

RECONCILE_STEP(change_drop_allowed_ips)
{
	(void)list;
	peer_settings_drop_allowed_ips(&peer_of(by, change)->set);
}

RECONCILE_STEP(change_take_allowed_ips)
{
	(void)list;
	peer_settings_take_allowed_ips(&peer_of(by, change)->set);
}

/* ---- endpoints ---- */

/* In memory that is there from now on anyway. */
RECONCILE_READY(change_ready_endpoint)
{
	(void)list;
	return endpoints_reserve(&peer_of(by, change)->endpoints,
	                         change->old_peer->endpoint_count +
	                                 change->new_peer->endpoint_count);
}

static int link_of(struct reconciler *by, const struct desired *in,
                   const struct desired_endpoint *endpoint)
{
	return links_find(changes_of(by)->links, desired_endpoint_link(in, endpoint));
}

RECONCILE_STEP(change_add_endpoint)
{
	struct peer *peer = peer_of(by, change);

	log_info("peer=%s: endpoint %s added", peer->name, change->endpoint->address);
	endpoints_add(&peer->endpoints, change->endpoint->address,
	              link_of(by, list->to, change->endpoint));
}

RECONCILE_STEP(change_remove_endpoint)
{
	struct peer *peer = peer_of(by, change);
	int e = endpoints_find(&peer->endpoints, change->endpoint->address,
	                       link_of(by, list->from, change->endpoint));

	log_info("peer=%s: endpoint %s removed", peer->name, change->endpoint->address);
	if (e >= 0)
		peer_drop_endpoint(peer, (unsigned)e);
}
