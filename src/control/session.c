/* SPDX-License-Identifier: MIT */
/* session.c - the keypairs of a peer: previous, current, next (whitepaper 6.3, docs/protocol.md).
 *
 *   initiator, session made:            previous = next or current; current = the new one
 *   responder, session made:            previous and next are dropped; next = the new one
 *   responder, first packet under next: previous = current; current = next
 *
 * The index table holds every keypair that may receive; the data plane's peer holds the one to send
 * with. Both hold references of their own.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/control.h"

#define REKEY_TIE_NS (3 * NS_PER_S)

/* Nothing is received under it any more. */
static void drop(struct peer *peer, struct keypair **kp)
{
	if (!*kp)
		return;
	peer->fx->remove_keypair(peer->fx, *kp);
	keypair_put(*kp);
	*kp = NULL;
}

static void publish_current(struct peer *peer)
{
	if (peer->current && !keypair_get(peer->current))
		return;
	peer->fx->publish_keypair(peer->fx, peer->dp, peer->current);
}

/* @kp is no session any more for who has the newer one; what is on its way under it still counts for a
 * while (keypair_is_fresh()).
 */
static void supersede(struct peer *peer, struct keypair *kp, uint64_t now_ns)
{
	peer->previous = kp;
	if (kp)
		keypair_supersede(kp, now_ns);
}

static void begin_as_initiator(struct peer *peer, struct keypair *kp, uint64_t now_ns)
{
	drop(peer, &peer->previous);
	peer->both_initiated = peer->next && peer->next->accepts_lanes;
	if (peer->next) {
		/* They crossed: the peer, which made them in the other order, sends under that one. */
		peer->previous = peer->next;
		peer->next = NULL;
		drop(peer, &peer->current);
	} else {
		supersede(peer, peer->current, now_ns);
	}
	peer->current = kp;
	publish_current(peer);
}

static void begin_as_responder(struct peer *peer, struct keypair *kp)
{
	drop(peer, &peer->previous);
	drop(peer, &peer->next);
	peer->next = kp;
}

/* A path to an address already proved, if possible over the link of @route; or NULL. */
static struct path *find_proved(struct peer *peer, const struct route *route)
{
	struct path *any = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (!path->is_used || !path->has_target)
			continue;
		if (path->route.link == route->link)
			return path;
		any = any ? any : path;
	}
	return any;
}

/* Where everything goes that is not bonded: to where the handshake came from. A vtrunkd has to prove first
 * that it is there (path_add_origin()): a response names no address, so anybody who has the key could lead our
 * data to a victim. Until then it goes where an initiation of ours went, if anywhere.
 */
static void follow(struct peer *peer, const struct route *route, bool maybe_bonded,
                   bool is_initiator, uint64_t now_ns)
{
	struct uplink *uplink = uplink_of(peer->control, route->link);
	struct path *path = path_find(peer, route);

	if (maybe_bonded && !(path && path->has_target))
		path = is_initiator ? find_proved(peer, route) : NULL;
	else if (!path)
		path = path_add(peer, uplink, route, -1, now_ns);
	if (!path)
		return;
	if (!maybe_bonded || route_is_same_way(&path->route, route))
		path_set_route(peer, path, route, now_ns);
	path_set_active(peer, path, now_ns);
}

/* Where both sides initiate, their sessions are born within a round trip and would be renewed so for
 * ever; of two vtrunkd the one with the greater key waits a little longer.
 */
static uint64_t rekey_delay_ns(const struct peer *peer, bool maybe_bonded)
{
	const uint8_t *ours = peer->control->identity->public_key;

	return maybe_bonded && memcmp(ours, peer->config->public_key, KEY_LEN) > 0 ? REKEY_TIE_NS
	                                                                           : 0;
}

int session_begin(struct peer *peer, struct noise_handshake *hs, bool is_initiator,
                  const struct route *route, uint64_t now_ns)
{
	bool maybe_bonded = is_initiator ? peer->sent_marker : peer->saw_marker;
	struct keypair *kp =
		keypair_create(is_initiator, hs->local_index, hs->remote_index, now_ns);
	int r = 0;

	if (!kp)
		return -ENOMEM;
	kp->owner = peer->dp;
	kp->rekey_ns += rekey_delay_ns(peer, maybe_bonded);
	noise_split(hs, is_initiator, kp->keys->send, kp->keys->receive);
	if (maybe_bonded)
		r = keypair_accept_lanes(kp);
	if (!r)
		r = peer->fx->insert_keypair(peer->fx, kp);
	if (r) {
		keypair_put(kp);
		return r;
	}
	atomic_store(&peer->dp->frames_allowed, maybe_bonded);
	if (is_initiator)
		begin_as_initiator(peer, kp, now_ns);
	else
		begin_as_responder(peer, kp);
	peer->session_ns = now_ns;
	peer->session_wall_s = peer->fx->wall_clock(peer->fx).tv_sec;
	peer->handshakes++;
	peer->asked_late = false;
	follow(peer, route, maybe_bonded, is_initiator, now_ns);
	return 0;
}

void session_confirmed(struct peer *peer, uint64_t now_ns)
{
	if (!peer->next || !atomic_load_explicit(&peer->next->is_confirmed, memory_order_acquire))
		return;
	drop(peer, &peer->previous);
	supersede(peer, peer->current, now_ns);
	peer->current = peer->next;
	peer->next = NULL;
	peer->both_initiated = false;
	publish_current(peer);
	atomic_store(&peer->dp->session_wanted, false);
	handshake_abandon(peer);
	bonding_session_began(peer, false, now_ns);
}

bool session_is_newest(const struct peer *peer, const struct keypair *kp)
{
	return kp && (kp == peer->current || kp == peer->next ||
	              (kp == peer->previous && peer->both_initiated));
}

bool session_maybe_bonded(const struct peer *peer)
{
	const struct keypair *kp = peer->next ? peer->next : peer->current;

	return kp && kp->accepts_lanes;
}

void session_end(struct peer *peer)
{
	drop(peer, &peer->previous);
	drop(peer, &peer->next);
	drop(peer, &peer->current);
	publish_current(peer);
	atomic_store(&peer->dp->session_wanted, false);
	peer->owed_hellos = peer->owed_acks = 0;
	peer->owes_keepalive = false;
}

bool session_is_alive(const struct peer *peer, uint64_t now_ns)
{
	return peer->current && keypair_can_send(peer->current, now_ns, LANE_ORDERED);
}

const char *session_name(const struct peer *peer, uint64_t now_ns)
{
	if (session_is_alive(peer, now_ns))
		return "established";
	return peer->handshake.is_pending || peer->next ? "handshake" : "none";
}
