/* SPDX-License-Identifier: MIT */
#include "control/peer_verdict.h"

#include "control/peer_paths.h"

/* What a greeting is taken to weigh, its padding at the longest. */
#define GREETING_TOLD                                                                              \
	(2 * FRAME_HEADER_LEN + sizeof(struct frame_hello) + sizeof(struct frame_path_challenge) + \
	 PADDING_MULTIPLE + TRANSPORT_OVERHEAD)

/* ---- sending ---- */

/* A candidate gets a challenge with it, so that its answer proves the address. False: without
 * memory.
 */
static bool send_hello(struct peer *peer, enum frame_type type, struct path *path)
{
	struct keypair *kp = peer->session.current;
	unsigned id = path_id(&peer->paths, path);

	if (!kp)
		return true; /* memory would not help */
	if (path_has_target(path))
		return frames_send_hello(&peer->frames, kp, type, id);
	if (!path_may_tell(path, GREETING_TOLD))
		return true;
	if (frames_send_greeting(&peer->frames, kp, type, id,
	                         peer_ask_path(peer, path, &path->route), &path->route))
		return true;
	path_take_back(path, GREETING_TOLD);
	return false;
}

uint16_t peer_send_hellos(struct peer *peer, enum frame_type type, uint16_t mask)
{
	uint16_t owed = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (mask & 1u << i && path_is_used(path) && peer_path_can_leave(peer, path) &&
		    !send_hello(peer, type, path))
			owed |= (uint16_t)(1u << i);
	}
	return owed;
}

void peer_send_keepalive(struct peer *peer)
{
	unsigned id = peer_path_to_speak(peer);

	if (peer->session.current && id != PATH_NONE)
		frames_send_keepalive(&peer->frames, peer->session.current, id);
	else
		peer->frames.owes_keepalive = false;
}

void peer_say_goodbye(struct peer *peer)
{
	if (peer->verdict.is != VERDICT_BONDED)
		return;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->session.current && path_is_used(&peer->paths.slot[i]) &&
		    path_has_target(&peer->paths.slot[i]) &&
		    peer_path_can_leave(peer, &peer->paths.slot[i]))
			frames_send_goodbye(&peer->frames, peer->session.current, i,
			                    &peer->paths.slot[i].route);
	}
}

/* ---- the verdict ---- */

void peer_refuse_data(struct peer *peer)
{
	bool refused = peer->set.requires_bonding && peer->verdict.is != VERDICT_BONDED;

	/* What waits would go when there is a path again, and to whomever that leads. */
	if (!atomic_exchange(&peer->dp->data_refused, refused) && refused)
		peer->fx->drop_staged(peer->fx, peer->dp);
}

void peer_be_bonded(struct peer *peer, uint64_t now_ns)
{
	bool is_news = verdict_bonded(&peer->verdict);

	if (peer->session.current)
		atomic_store(&peer->session.current->send_lanes, true);
	if (!is_news)
		return;
	peer_hears(peer, NEWS_BONDED, &(struct news){.now_ns = now_ns});
}

STEP(order_packets)
{
	if (peer->fx->enable_reorder(peer->fx, peer->dp))
		peer_hears(peer, NEWS_NO_ORDER, n);
}

STEP(follow_nobody)
{
	(void)n;
	atomic_store(&peer->dp->followed_path, (uint8_t)PATH_ANY);
}

STEP(be_plain)
{
	struct news plain = *n;

	plain.is_new = peer->verdict.is != VERDICT_STOCK;
	peer_hears(peer, NEWS_PLAIN, &plain);
}

STEP(send_no_lanes)
{
	(void)n;
	if (peer->session.current)
		atomic_store(&peer->session.current->send_lanes, false);
}

STEP(decide_plain)
{
	(void)n;
	verdict_stock(&peer->verdict);
	peer_tell_followed(peer);
}

STEP(assume_up)
{
	struct path *path = paths_followed(&peer->paths);

	if (path)
		health_assume_up(&path->health, "carries the session", n->now_ns);
}

/* Until the verdict: as in the session before. */
static void go_on(struct peer *peer, const struct news *n)
{
	if (peer->verdict.is == VERDICT_BONDED && peer->session.current)
		atomic_store(&peer->session.current->send_lanes, true);
	if (peer->verdict.is == VERDICT_STOCK)
		assume_up(peer, n);
}

STEP(weigh_marker)
{
	if (verdict_session_began(&peer->verdict, n->is_initiator, peer->session.has_crossed,
	                          peer->health_settings.interval_ns, n->now_ns))
		go_on(peer, n);
	else
		be_plain(peer, n);
}

STEP(refuse_data)
{
	(void)n;
	peer_refuse_data(peer);
}

STEP(prove_key)
{
	(void)n;
	if (peer->paths.followed != PATH_NONE)
		peer_send_keepalive(peer);
}

/* What memory was lacking for the last time. */
static void pay_owed(struct peer *peer)
{
	if (peer->frames.owes_keepalive)
		peer_send_keepalive(peer);
	peer->frames.owed_acks = peer_send_hellos(peer, FRAME_HELLO_ACK, peer->frames.owed_acks);
	peer->frames.owed_hellos = peer_send_hellos(peer, FRAME_HELLO, peer->frames.owed_hellos);
}

static uint16_t origins_to_greet(const struct peer *peer)
{
	const struct session *s = &peer->session;

	if (!s->current || !s->current->accepts_lanes || s->current->is_initiator || s->next ||
	    peer->verdict.is == VERDICT_STOCK)
		return 0;
	return paths_late_origins(&peer->paths);
}

uint64_t peer_verdict_service(struct peer *peer, uint64_t now_ns)
{
	struct frames *f = &peer->frames;

	pay_owed(peer);
	if (verdict_greet(&peer->verdict, now_ns))
		f->owed_hellos = peer_send_hellos(peer, FRAME_HELLO, paths_to_greet(&peer->paths));
	else
		f->owed_hellos |= peer_send_hellos(peer, FRAME_HELLO, origins_to_greet(peer));
	if (peer->verdict.due_ns <= now_ns)
		peer_hears(peer, NEWS_VERDICT_DUE, &(struct news){.now_ns = now_ns});
	return verdict_next_ns(&peer->verdict);
}
