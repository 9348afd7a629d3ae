/* SPDX-License-Identifier: MIT */
#include "control/peer_session.h"

#include <errno.h>
#include <string.h>

#include "control/peer_paths.h"

#define REKEY_TIE_NS (3 * NS_PER_S)

/* Nothing is received under them any more. */
static void retire(struct peer *peer, const struct session_retired *retired)
{
	for (unsigned i = 0; i < retired->len; i++) {
		peer->fx->remove_keypair(peer->fx, retired->kp[i]);
		keypair_put(retired->kp[i]);
	}
}

/* The index table holds every keypair that may receive; the data plane's peer holds the one to send
 * with. Both have references of their own.
 */
STEP(publish_key)
{
	struct keypair *kp = peer->session.current;

	(void)n;
	if (kp && !keypair_get(kp))
		return;
	peer->fx->publish_keypair(peer->fx, peer->dp, kp);
}

/* Where everything goes that is not bonded: to where the handshake came from. A vtrunkd has to
 * prove first that it is there (peer_add_origin()): a response names no address, so anybody who has
 * the key could lead our data to a victim. Until then it goes where an initiation of ours went, if
 * anywhere.
 */
static void follow(struct peer *peer, const struct route *route, bool maybe_bonded,
                   bool is_initiator, uint64_t now_ns)
{
	struct path *path = paths_find(&peer->paths, route);

	if (maybe_bonded && !(path && path_has_target(path)))
		path = is_initiator ? paths_find_proved(&peer->paths, route->link) : NULL;
	else if (!path)
		path = peer_add_path(peer, route, -1, now_ns);
	if (!path)
		return;
	if (!maybe_bonded || route_is_same_way(&path->route, route))
		peer_set_route(peer, path, route, now_ns);
	peer_follow(peer, path, now_ns);
}

/* Where both sides initiate, their sessions are born within a round trip and would be renewed so
 * for ever; of two vtrunkd the one with the greater key waits a little longer.
 */
static uint64_t rekey_delay_ns(const struct peer *peer, bool maybe_bonded)
{
	const uint8_t *ours = peer->identity->public_key;

	return maybe_bonded && memcmp(ours, peer->set.public_key, KEY_LEN) > 0 ? REKEY_TIE_NS : 0;
}

int peer_begin_session(struct peer *peer, struct noise_handshake *hs, bool is_initiator,
                       const struct route *route, uint64_t now_ns)
{
	bool maybe_bonded = is_initiator ? peer->verdict.sent_marker : peer->verdict.saw_marker;
	struct keypair *kp =
		keypair_create(is_initiator, hs->local_index, hs->remote_index, now_ns);
	struct session_retired retired;
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
	session_add(&peer->session, kp, peer->fx->wall_clock(peer->fx).tv_sec, now_ns, &retired);
	retire(peer, &retired);
	if (is_initiator)
		publish_key(peer, NULL);
	follow(peer, route, maybe_bonded, is_initiator, now_ns);
	return 0;
}

void peer_session_confirmed(struct peer *peer, uint64_t now_ns)
{
	struct session_retired retired;

	if (!session_confirm(&peer->session, now_ns, &retired))
		return;
	retire(peer, &retired);
	peer_hears(peer, NEWS_SESSION_CONFIRMED, &(struct news){.now_ns = now_ns});
}

STEP(want_no_session)
{
	(void)n;
	atomic_store(&peer->dp->session_wanted, false);
}

/* Nothing of it can be sent with, and nobody waits for one that was asked for. */
static void forget(struct peer *peer, const struct session_retired *retired)
{
	retire(peer, retired);
	publish_key(peer, NULL);
	want_no_session(peer, NULL);
	frames_forget_owed(&peer->frames);
}

/* What it has begun since may be of its next life. */
STEP(leave_session)
{
	struct session_retired retired;

	(void)n;
	session_leave(&peer->session, &retired);
	forget(peer, &retired);
}

STEP(end_session)
{
	(void)n;
	peer_end_session(peer);
}

void peer_end_session(struct peer *peer)
{
	struct session_retired retired;

	session_end(&peer->session, &retired);
	forget(peer, &retired);
}

const char *peer_session_name(const struct peer *peer, uint64_t now_ns)
{
	if (session_is_alive(&peer->session, now_ns))
		return "established";
	return peer->handshake.is_pending || peer->session.next ? "handshake" : "none";
}
