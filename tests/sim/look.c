/* SPDX-License-Identifier: MIT */
#include "look.h"

#include "control/peer_table.h"

/* A path that is forgotten after half a minute is so at the deadline, not before. */
#define DOWN_LONG_NS (31 * NS_PER_S)

static void look_at_keypair(struct look *look, const struct keypair *kp)
{
	if (!kp)
		return;
	look->keypairs++;
	if (kp->born_ns > look->newest_ns)
		look->newest_ns = kp->born_ns;
}

static void look_at_path(struct look *look, const struct path *path)
{
	bool leads = path_has_target(path);

	if (!path_is_used(path))
		return;
	look->paths += leads;
	look->candidates += !leads;
	look->up += leads && path->health.state == PATH_UP;
	look->down_long += leads && path->endpoint < 0 && path->health.state == PATH_DOWN &&
	                   path->health.since_ns + DOWN_LONG_NS < sim_now_ns();
}

static void look_at_session(struct look *look, const struct session *session)
{
	const struct keypair *kp = session->current;

	look_at_keypair(look, session->previous);
	look_at_keypair(look, session->current);
	look_at_keypair(look, session->next);
	look->is_alive = session_is_alive(session, sim_now_ns());
	look->may_be_bonded = session_maybe_bonded(session);
	look->handshakes = session->count;
	if (!kp)
		return;
	look->is_initiator = kp->is_initiator;
	look->local_index = kp->local_index;
	look->remote_index = kp->remote_index;
}

struct look look_at(const struct node *node, unsigned i)
{
	const struct peer *peer = node_peer(node, i);
	struct look look = {.retry_ns = NEVER_NS};

	if (!peer)
		return look;
	look_at_session(&look, &peer->session);
	look.is_bonded = peer->verdict.is == VERDICT_BONDED;
	look.is_plain = peer->verdict.is == VERDICT_STOCK;
	look.retry_ns = peer->handshake.retry_ns;
	for (unsigned k = 0; k < PATHS_MAX; k++)
		look_at_path(&look, &peer->paths.slot[k]);
	return look;
}

bool look_is_same_session(const struct look *a, const struct look *b)
{
	return a->is_alive && b->is_alive && a->local_index == b->remote_index &&
	       b->local_index == a->remote_index;
}

bool look_has_key(const struct node *node, uint32_t index)
{
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		const struct peer *peer = node_peer(node, i);

		if (peer && session_has_key(&peer->session, index))
			return true;
	}
	return false;
}

bool look_has_double(const struct node *node, unsigned i)
{
	const struct peer *peer = node_peer(node, i);

	for (unsigned one = 0; peer && one < PATHS_MAX; one++) {
		const struct path *path = &peer->paths.slot[one];

		for (unsigned k = one + 1; path_is_used(path) && k < PATHS_MAX; k++) {
			const struct path *other = &peer->paths.slot[k];

			if (path_is_used(other) && route_is_same_way(&path->route, &other->route))
				return true;
		}
	}
	return false;
}

bool look_goes_on(const struct look *before, const struct look *after)
{
	return before->keypairs == after->keypairs && before->newest_ns == after->newest_ns &&
	       before->local_index == after->local_index &&
	       before->remote_index == after->remote_index &&
	       before->handshakes == after->handshakes && before->is_bonded == after->is_bonded &&
	       before->is_plain == after->is_plain;
}

/* ---- whether it adds up ---- */

static const char *wrong_path(const struct peer *peer, unsigned i)
{
	const struct path *path = &peer->paths.slot[i];
	const struct path_target *target = rcu_dereference(peer->dp->path[i].target);

	if (path_is_used(path) && !uplink_of(peer->uplinks, path->route.link)->is_used)
		return "has a path over a link that was removed";
	/* While the sockets of its link are closed it may lead nowhere. */
	if ((path_has_target(path) && path->route.link->is_open && !target) ||
	    (target && !(path_has_target(path) && route_is_same_way(&target->route, &path->route))))
		return "sends where its path does not lead";
	return NULL;
}

static const char *wrong_share(const struct peer *peer, const struct path_slot *slot)
{
	const struct path *path = &peer->paths.slot[slot->path_id];

	if (!path_has_target(path))
		return "shares data among paths that are gone";
	if (slot->weight != peer_path_wishes(peer, path).weight)
		return "shares data by weights that are not those of the links";
	return NULL;
}

static const char *wrong_with_peer(const struct peer *peer)
{
	const struct path_table *table = rcu_dereference(peer->dp->path_table);
	const char *wrong = NULL;

	for (unsigned i = 0; !wrong && i < PATHS_MAX; i++)
		wrong = wrong_path(peer, i);
	if (!wrong && table && table->mode != peer->set.mode)
		wrong = "shares data in another mode";
	for (unsigned i = 0; !wrong && table && i < table->len; i++)
		wrong = wrong_share(peer, &table->slot[i]);
	return wrong;
}

static size_t deadlines_of(const struct uplink *uplink)
{
	size_t count = 0;

	for (unsigned i = 0; uplink->is_used && i < LINK_FAMILIES; i++)
		count += deadline_is_set(&uplink->pair[i].deadline);
	return count;
}

static size_t keypairs_of(const struct session *s)
{
	return (s->previous != NULL) + (s->current != NULL) + (s->next != NULL);
}

const char *look_what_is_wrong(const struct node *node)
{
	const struct control *control = node->control;
	size_t deadlines = 0, keypairs = 0;
	const char *wrong = NULL;

	for (size_t i = 0; i < control->peers.count && !wrong; i++) {
		const struct peer *peer = control->peers.at[i];

		deadlines += deadline_is_set(&peer->deadline);
		keypairs += keypairs_of(&peer->session);
		wrong = wrong_with_peer(peer);
	}
	for (unsigned i = 0; i < control->uplinks.count; i++)
		deadlines += deadlines_of(&control->uplinks.uplink[i]);
	if (wrong)
		return wrong;
	if (deadlines != control->loop.deadlines.count)
		return "has deadlines of what is gone";
	if (keypairs != index_keypair_count(engine_index(control->engine)))
		return "receives under other keys than its sessions have";
	return NULL;
}
