/* SPDX-License-Identifier: MIT */
#include "control/peer_handshake.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "control/peer_links.h"
#include "control/peer_paths.h"
#include "control/peer_session.h"
#include "crypto/aead.h"

/* ---- sending ---- */

/* A plain peer follows the newest message, so it gets one on its own path only - unless it has
 * become silent there.
 */
static bool is_target(const struct peer *peer, const struct path *path, bool everywhere)
{
	if (!path_is_used(path) || !path_has_target(path) || !peer_path_can_leave(peer, path))
		return false;
	return everywhere || path_id(&peer->paths, path) == peer->paths.followed;
}

static bool goes_everywhere(const struct peer *peer, uint64_t now_ns)
{
	return peer->verdict.is != VERDICT_STOCK || !session_is_alive(&peer->session, now_ns) ||
	       peer->session.next || /* begun by the peer and not used: it may not hear us */
	       peer->handshake.attempts > 0 || counter_read(&peer->dp->data_tx_since_ns) ||
	       peer->paths.followed == PATH_NONE;
}

/* Sends @msg with MACs of its own over @route. Returns 0 or a negative errno. */
static int send_over(struct peer *peer, const struct route *route, const void *msg, size_t len,
                     uint64_t now_ns)
{
	struct message_initiation copy; /* the longest */

	memcpy(&copy, msg, len);
	cookie_add_macs(&peer->cookie_keys, &peer->jar[route->link->id], &copy, len, now_ns);
	return peer->fx->send_handshake(peer->fx, route, &copy, len);
}

static bool send_on_path(struct peer *peer, struct path *path, const void *msg, size_t len,
                         uint64_t now_ns)
{
	int r = send_over(peer, &path->route, msg, len, now_ns);

	if (r && r != -EAGAIN && r != -ENOBUFS)
		peer_path_refused(peer, path, -r, now_ns);
	return r == 0;
}

/* Whether copies of an initiation may leave together. */
static bool is_spaced(const struct peer *peer)
{
	return peer->verdict.is != VERDICT_BONDED;
}

/* Sends the pending initiation on the fitting paths that it was not tried on yet: all of them, or
 * the next if copies are spaced. Returns on how many.
 */
static unsigned send_initiation(struct peer *peer, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;
	bool everywhere = goes_everywhere(peer, now_ns);
	unsigned sent = 0;

	if (is_spaced(peer) && now_ns < hs->copy_ns)
		return 0;
	for (unsigned k = 0; k < PATHS_MAX && (!sent || !is_spaced(peer)); k++) {
		struct path *path = &peer->paths.slot[handshake_path(hs, k)];

		/* A refusal can end the attempt: what waits for a path asks for a new session. */
		if (is_target(peer, path, everywhere) &&
		    handshake_try(hs, path_id(&peer->paths, path)) &&
		    send_on_path(peer, path, &hs->initiation, sizeof hs->initiation, now_ns))
			sent++;
	}
	if (sent)
		handshake_space_copies(hs);
	return sent;
}

uint64_t peer_next_copy_ns(const struct peer *peer, uint64_t now_ns)
{
	const struct handshake *hs = &peer->handshake;
	bool everywhere = goes_everywhere(peer, now_ns);

	for (unsigned i = 0; hs->is_pending && i < PATHS_MAX; i++) {
		if (!(hs->tried_paths & 1u << i) &&
		    is_target(peer, &peer->paths.slot[i], everywhere))
			return hs->copy_ns;
	}
	return NEVER_NS;
}

void peer_extend_initiation(struct peer *peer, uint64_t now_ns)
{
	if (peer->handshake.is_pending && send_initiation(peer, now_ns))
		peer_hears(peer, NEWS_EXTENDED, &(struct news){.now_ns = now_ns});
}

/* Nothing left. A path that comes up asks again at once; where none is known the peer has to come
 * to us.
 */
static void put_off(struct peer *peer, uint64_t now_ns)
{
	handshake_put_off(&peer->handshake,
	                  paths_is_any_known(&peer->paths) ? now_ns + REKEY_TIMEOUT : NEVER_NS);
}

bool peer_initiate(struct peer *peer, bool is_retry, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;
	uint64_t before_ns = hs->sent_ns;

	if (!peer->remote->is_usable) {
		hs->retry_ns = NEVER_NS; /* its key is of low order: there is no session with it */
		return false;
	}
	if (handshake_is_too_early(hs, now_ns))
		return false;
	if (!is_retry)
		hs->attempts = 0;
	else
		peer_forget_sources(peer, now_ns);
	peer->verdict.sent_marker = peer->set.has_bonding;
	if (handshake_create(hs, peer->identity, peer->remote, peer->verdict.sent_marker)) {
		put_off(peer, now_ns);
		return false;
	}
	/* Before sending: a path that refuses makes others ask for a session. */
	hs->sent_ns = now_ns;
	if (!send_initiation(peer, now_ns)) {
		put_off(peer, now_ns);
		hs->sent_ns = before_ns;
		return false;
	}
	handshake_went_out(hs, now_ns);
	if (peer_next_copy_ns(peer, now_ns) != NEVER_NS)
		peer->fx->wake_at(peer->fx, &peer->deadline, hs->copy_ns);
	dp_peer_sent(peer->dp, false, now_ns);
	peer_hears(peer, NEWS_SENT, &(struct news){.now_ns = now_ns});
	return true;
}

/* ---- receiving ---- */

/* The response goes to where the initiation came from; to a bonded peer also over the other paths
 * that work, in case that one is dead in our direction.
 */
static void send_response(struct peer *peer, const struct route *route,
                          const struct message_response *msg, uint64_t now_ns)
{
	bool is_bonded = peer->verdict.is == VERDICT_BONDED && peer->verdict.saw_marker;

	send_over(peer, route, msg, sizeof *msg, now_ns);
	for (unsigned i = 0; is_bonded && i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (is_target(peer, path, true) && health_carries_data(&path->health) &&
		    !route_is_same_way(&path->route, route))
			send_on_path(peer, path, msg, sizeof *msg, now_ns);
	}
	peer->handshake.sent_ns = now_ns;
	dp_peer_sent(peer->dp, false, now_ns);
}

/* A vtrunkd proves that it is at the origin of its initiation before data goes there. Less goes
 * there than came, whatever it turns out to be.
 */
static void note_origin(struct peer *peer, const struct route *route, uint64_t now_ns)
{
	struct path *path =
		peer->verdict.saw_marker
			? peer_add_origin(peer, route, sizeof(struct message_initiation), now_ns)
			: NULL;

	if (path)
		path_may_tell(path, sizeof(struct message_response));
}

/* It began a session, was answered, did not use it, and begins another one: we hear it and it does
 * not hear us, over the link that it came by. While that goes on its messages keep us from finding
 * out by silence.
 */
static bool is_deaf(const struct peer *peer)
{
	const struct keypair *next = peer->session.next;

	return next && !atomic_load_explicit(&next->is_confirmed, memory_order_relaxed);
}

static void accept_initiation(struct peer *peer, struct noise_initiation *init,
                              const struct message_initiation *msg,
                              const uint8_t timestamp[static TAI64N_LEN], const struct route *route,
                              uint64_t now_ns)
{
	struct message_response response;
	bool does_not_hear_us = is_deaf(peer);
	uint8_t ephemeral[KEY_LEN];
	uint32_t index;
	int r;

	answered_accept(&peer->answered, timestamp, now_ns);
	peer->verdict.saw_marker =
		peer->set.has_bonding && noise_timestamp_low24(timestamp) == BONDING_MARKER;
	if (peer->fx->reserve_index(peer->fx, peer, &index))
		return;
	peer->fx->random(peer->fx, ephemeral, sizeof ephemeral);
	r = noise_create_response(&init->handshake, peer->remote, ephemeral, index, &response);
	secret_wipe(ephemeral, sizeof ephemeral);
	if (!r)
		r = peer_begin_session(peer, &init->handshake, false, route, now_ns);
	if (r) {
		peer->fx->release_index(peer->fx, index);
		return;
	}
	dp_peer_heard(peer->dp, false, now_ns);
	answered_remember(&peer->answered, msg, &response, now_ns);
	note_origin(peer, route, now_ns);
	send_response(peer, route, &response, now_ns);
	if (does_not_hear_us && !peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns); /* over every link, REKEY_TIMEOUT from now */
	peer_hears(peer, NEWS_ANSWERED, &(struct news){.now_ns = now_ns, .link = route->link});
}

/* It came over another link, or the network doubled it. */
static void answer_copy(struct peer *peer, const struct message_response *response,
                        const struct route *route, uint64_t now_ns)
{
	note_origin(peer, route, now_ns);
	send_over(peer, route, response, sizeof *response, now_ns);
	peer_hears(peer, NEWS_ANSWERED_COPY, &(struct news){.now_ns = now_ns, .link = route->link});
}

static void refuse_stale(struct peer *peer, const uint8_t timestamp[static TAI64N_LEN],
                         uint64_t now_ns)
{
	peer->fx->count_drop(peer->fx, DROP_REPLAY);
	if (answered_refuse(&peer->answered, timestamp))
		peer_hears(peer, NEWS_STALE, &(struct news){.now_ns = now_ns});
}

bool peer_take_initiation(struct peer *peer, struct noise_initiation *init,
                          const struct message_initiation *msg,
                          const uint8_t timestamp[static TAI64N_LEN], const struct route *route,
                          uint64_t now_ns)
{
	const struct message_response *response = answered_copy(&peer->answered, msg, now_ns);

	if (response) {
		answer_copy(peer, response, route, now_ns);
		return true;
	}
	if (!answered_is_newer(&peer->answered, timestamp, now_ns)) {
		refuse_stale(peer, timestamp, now_ns);
		return false;
	}
	accept_initiation(peer, init, msg, timestamp, route, now_ns);
	return true;
}

bool peer_take_response(struct peer *peer, const struct message_response *msg,
                        const struct route *route, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;
	int r;

	if (handshake_consume(hs, peer->identity, peer->remote, msg))
		return false;
	r = peer_begin_session(peer, hs->noise, true, route, now_ns);
	handshake_abandon(hs);
	if (r) {
		peer->fx->release_index(peer->fx, load_le32(msg->receiver_index));
		peer_hears(peer, NEWS_SESSION_FAILED,
		           &(struct news){.now_ns = now_ns, .error = -r});
		return true;
	}
	peer_hears(peer, NEWS_SESSION_MADE, &(struct news){.now_ns = now_ns, .is_initiator = true});
	return true;
}

bool peer_take_other_response(struct peer *peer, const struct keypair *kp, uint64_t now_ns)
{
	if (peer->verdict.is == VERDICT_BONDED || kp != peer->session.current ||
	    now_ns >= peer->session.made_ns + REKEY_TIMEOUT ||
	    !handshake_doubt(&peer->handshake, now_ns))
		return false;
	peer_hears(peer, NEWS_ANSWERED_TWICE, &(struct news){.now_ns = now_ns});
	return true;
}

/* The next message carries it; none is sent because of it (whitepaper 6.6). */
bool peer_take_cookie(struct peer *peer, const struct message_cookie_reply *msg,
                      const struct route *route, uint64_t now_ns)
{
	return cookie_reply_consume(&peer->cookie_keys, &peer->jar[route->link->id], msg, now_ns);
}

/* ---- steps ---- */

STEP(note_heard)
{
	dp_peer_heard(peer->dp, false, n->now_ns);
}

STEP(be_reachable)
{
	(void)n;
	peer->is_unreachable = false;
}

STEP(be_unreachable)
{
	(void)n;
	peer->is_unreachable = true;
}

STEP(abandon_attempt)
{
	(void)n;
	handshake_abandon(&peer->handshake);
}

STEP(look_there)
{
	if (!session_is_alive(&peer->session, n->now_ns) && !peer->session.next &&
	    !peer->handshake.is_pending)
		peer_initiate(peer, false, n->now_ns);
}

STEP(expect_return)
{
	if (peer->endpoints.count)
		handshake_expect_return(&peer->handshake, n->now_ns);
}

STEP(forget_answer)
{
	(void)n;
	answered_forget(&peer->answered);
}

STEP(begin_anew)
{
	bool is_wanted = session_has_keys(&peer->session) || peer->endpoints.count;

	if (is_wanted && paths_is_any_known(&peer->paths))
		peer_initiate(peer, false, n->now_ns);
}

/* A plain peer is looked for on the other links at once. */
STEP(look_elsewhere)
{
	if (peer->verdict.is != VERDICT_BONDED && !peer->paths.published_mask &&
	    paths_is_any_known(&peer->paths))
		peer_initiate(peer, false, n->now_ns);
}
