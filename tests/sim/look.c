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

struct look look_at(const struct node *node, unsigned i)
{
	const struct peer *peer = node_peer(node, i);
	struct look look = {0};

	if (!peer)
		return look;
	look_at_keypair(&look, peer->session.previous);
	look_at_keypair(&look, peer->session.current);
	look_at_keypair(&look, peer->session.next);
	look.is_alive = session_is_alive(&peer->session, sim_now_ns());
	look.is_initiator = peer->session.current && peer->session.current->is_initiator;
	look.is_bonded = peer->verdict.is == VERDICT_BONDED;
	look.is_plain = peer->verdict.is == VERDICT_STOCK;
	look.may_be_bonded = session_maybe_bonded(&peer->session);
	look.handshakes = peer->session.count;
	look.retry_ns = peer->handshake.retry_ns;
	for (unsigned k = 0; k < PATHS_MAX; k++)
		look_at_path(&look, &peer->paths.slot[k]);
	return look;
}
