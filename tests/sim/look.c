/* SPDX-License-Identifier: MIT */
#include "look.h"

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
	struct look look = {0};

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

	for (unsigned one = 0; one < PATHS_MAX; one++) {
		const struct path *path = &peer->paths.slot[one];

		for (unsigned k = one + 1; path_is_used(path) && k < PATHS_MAX; k++) {
			const struct path *other = &peer->paths.slot[k];

			if (path_is_used(other) && route_is_same_way(&path->route, &other->route))
				return true;
		}
	}
	return false;
}
