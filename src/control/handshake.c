/* SPDX-License-Identifier: MIT */
/* handshake.c - drives the Noise handshake: what is sent where, and what comes in.
 *
 * An initiation goes over every path that may work, the same bytes but for MAC2, since a cookie is
 * bound to the address the other side sees. The responder makes one session of it and sends its response
 * to the origin of every copy (answered.h), since the link of the first may be dead in that direction; the
 * response that comes first wins. Messages come from strangers until the last step: the order of checks is
 * length, MAC1, load, our static key, the peer's, a copy, the time stamp, and only then anything is stored.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/key_text.h"
#include "control/control.h"
#include "control/peer_session.h"
#include "control/peer_verdict.h"
#include "control/source.h"
#include "crypto/aead.h"

/* After a goodbye: a daemon that is restarted is back within some hundred milliseconds. The pauses grow by
 * half from here to REKEY_TIMEOUT.
 */
#define RETURN_FIRST_NS (NS_PER_S / 4)

/* An authentic initiation that is so much older than the newest is no late copy: its sender's clock was set
 * back, or somebody replays it.
 */
#define STALE_S 10

/* How long cookies are asked for after there was too much to do. */
#define LOADED_NS NS_PER_S

/* ---- sending ---- */

/* TAI64N of now, and in any case newer than the last one to this peer in this run: a clock that was set back must
 * not make peers refuse us. The step is what the low 24 bits, free for the marker, leave.
 */
static void next_timestamp(struct peer *peer, bool with_marker, uint8_t out[TAI64N_LEN])
{
	struct timespec now = peer->fx->wall_clock(peer->fx);
	uint32_t low = with_marker ? BONDING_MARKER : 0;

	noise_timestamp(out, (uint64_t)now.tv_sec, (uint32_t)now.tv_nsec, low);
	if (memcmp(out, peer->last_timestamp, TAI64N_LEN) <= 0) {
		uint64_t s = load_be64(peer->last_timestamp);
		uint32_t ns = load_be32(peer->last_timestamp + 8) & ~BONDING_MARKER_MASK;

		ns += BONDING_MARKER_MASK + 1;
		if (ns > NS_PER_S - (BONDING_MARKER_MASK + 1)) {
			ns = 0;
			s++;
		}
		store_be64(out, s);
		store_be32(out + 8, ns | low);
	}
	memcpy(peer->last_timestamp, out, TAI64N_LEN);
}

/* A plain peer follows the newest message, so it gets one on its own path only - unless it has become
 * silent there.
 */
static bool is_target(const struct peer *peer, const struct path *path, bool everywhere)
{
	if (!path->is_used || !path->has_target || !path_can_leave(peer, path))
		return false;
	return everywhere || path_id(peer, path) == peer->active;
}

static bool goes_everywhere(const struct peer *peer, uint64_t now_ns)
{
	return peer->verdict.is != VERDICT_STOCK || !session_is_alive(&peer->session, now_ns) ||
	       peer->handshake.attempts > 0 || counter_read(&peer->dp->data_tx_since_ns) ||
	       peer->active == PATH_NONE;
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
		path_refused(peer, path, -r, now_ns);
	return r == 0;
}

/* Sends the pending initiation on all fitting paths that it was not tried on yet. Returns on how many. */
static unsigned send_initiation(struct peer *peer, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;
	bool everywhere = goes_everywhere(peer, now_ns);
	unsigned sent = 0;

	for (unsigned k = 0; k < PATHS_MAX; k++) {
		unsigned id = (hs->first_path + k) % PATHS_MAX;
		uint16_t bit = (uint16_t)(1u << id);

		/* A refusal can end the attempt: what waits for a path asks for a new session. */
		if (!hs->is_pending || hs->tried_paths & bit ||
		    !is_target(peer, &peer->path[id], everywhere))
			continue;
		hs->tried_paths |= bit;
		if (send_on_path(peer, &peer->path[id], &hs->initiation, sizeof hs->initiation,
		                 now_ns))
			sent++;
	}
	return sent;
}

/* A retry begins with another path than the attempt before: a responder that answers only the first copy
 * to come shall not answer into the same dead link each time.
 */
static void rotate(struct handshake *hs)
{
	for (unsigned k = 0; k < PATHS_MAX; k++) {
		unsigned id = (hs->first_path + k) % PATHS_MAX;

		if (hs->tried_paths & 1u << id) {
			hs->first_path = (id + 1) % PATHS_MAX;
			return;
		}
	}
}

void handshake_extend(struct peer *peer, uint64_t now_ns)
{
	if (peer->handshake.is_pending && send_initiation(peer, now_ns))
		effects_log(peer->fx, LOG_LEVEL_DEBUG,
		            "peer=%s: sent the handshake initiation over another path", peer->name);
}

/* Random, so that many that lost the same peer do not come back all at once. */
static uint64_t next_retry_ns(const struct peer *peer, uint64_t now_ns)
{
	const struct handshake *hs = &peer->handshake;
	uint64_t most_ns = hs->pause_ns / 4 < TIMER_JITTER_NS ? hs->pause_ns / 4 : TIMER_JITTER_NS;

	return now_ns + hs->pause_ns + effects_random_below(peer->fx, (uint32_t)most_ns + 1);
}

void handshake_expect_return(struct peer *peer, uint64_t now_ns)
{
	handshake_abandon(peer);
	peer->handshake.sent_ns = 0;
	peer->handshake.pause_ns = RETURN_FIRST_NS;
	peer->handshake.retry_ns = next_retry_ns(peer, now_ns);
}

void handshake_abandon(struct peer *peer)
{
	struct handshake *hs = &peer->handshake;

	if (hs->is_pending)
		peer->fx->release_index(peer->fx, hs->noise->local_index);
	secret_wipe(hs->noise, sizeof *hs->noise);
	hs->is_pending = false;
	hs->attempts = 0;
	hs->tried_paths = 0;
	hs->pause_ns = REKEY_TIMEOUT;
	hs->retry_ns = NEVER_NS;
}

/* A new initiation each time: retries are never copies of the one before (whitepaper 6.4). */
static int create_initiation(struct peer *peer)
{
	struct control *control = peer->control;
	struct handshake *hs = &peer->handshake;
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	uint32_t index;
	int r;

	if (hs->is_pending)
		control->fx->release_index(control->fx, hs->noise->local_index);
	hs->is_pending = false;
	r = control->fx->reserve_index(control->fx, peer, &index);
	if (r)
		return r;
	peer->verdict.sent_marker = control->config->bonding != BONDING_POLICY_OFF;
	next_timestamp(peer, peer->verdict.sent_marker, timestamp);
	peer->fx->random(peer->fx, ephemeral, sizeof ephemeral);
	r = noise_create_initiation(hs->noise, control->identity, peer->remote, ephemeral,
	                            timestamp, index, &hs->initiation);
	secret_wipe(ephemeral, sizeof ephemeral);
	if (r)
		control->fx->release_index(control->fx, index);
	else
		hs->is_pending = true;
	hs->tried_paths = 0;
	return r;
}

/* Nothing left. A path that comes up asks again at once; where none is known the peer has to come to us. */
static void put_off(struct peer *peer, uint64_t now_ns)
{
	uint16_t refused = peer->handshake.tried_paths;

	handshake_abandon(peer);
	peer->handshake.tried_paths = refused;
	peer->handshake.retry_ns = path_is_any_known(peer) ? now_ns + REKEY_TIMEOUT : NEVER_NS;
}

bool handshake_initiate(struct peer *peer, bool is_retry, uint64_t now_ns)
{
	struct handshake *hs = &peer->handshake;
	uint64_t before_ns = hs->sent_ns;

	if (!peer->remote->is_usable) {
		hs->retry_ns = NEVER_NS; /* its key is of low order: there is no session with it */
		return false;
	}
	if (before_ns && now_ns < before_ns + hs->pause_ns) {
		hs->retry_ns = before_ns + hs->pause_ns;
		return false;
	}
	if (!is_retry)
		hs->attempts = 0;
	else
		sources_forget(peer, now_ns);
	if (create_initiation(peer)) {
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
	rotate(hs);
	hs->attempts++;
	hs->pause_ns = hs->pause_ns * 3 / 2 < REKEY_TIMEOUT ? hs->pause_ns * 3 / 2 : REKEY_TIMEOUT;
	hs->retry_ns = next_retry_ns(peer, now_ns);
	dp_peer_sent(peer->dp, false, now_ns);
	effects_log(peer->fx, LOG_LEVEL_DEBUG, "peer=%s: sent handshake initiation %u", peer->name,
	            hs->attempts);
	return true;
}

/* ---- receiving ---- */

/* Address and port in network order, as cookies are bound to them. */
static size_t source_bytes(const struct endpoint *ep, uint8_t out[18])
{
	if (endpoint_family(ep) == AF_INET6) {
		memcpy(out, &ep->in6.sin6_addr, 16);
		memcpy(out + 16, &ep->in6.sin6_port, 2);
		return 18;
	}
	memcpy(out, &ep->in4.sin_addr, 4);
	memcpy(out + 4, &ep->in4.sin_port, 2);
	return 6;
}

bool handshake_set_loaded(struct control *control, uint64_t now_ns)
{
	bool was_loaded = now_ns < control->loaded_until_ns;

	control->loaded_until_ns = now_ns + LOADED_NS;
	return !was_loaded;
}

/* MAC1 always; under load also proof that the sender receives at its address, and its share. An answer that
 * we wait for needs none: it names the index that we drew for it, which others do not see.
 */
static bool passes_macs(struct control *control, const struct route *route, const void *msg,
                        size_t len, uint32_t sender_index, bool is_awaited, uint64_t now_ns)
{
	uint8_t source[18];
	size_t source_len = source_bytes(&route->remote, source);
	enum cookie_verdict verdict =
		cookie_check(&control->checker, msg, len, source, source_len, now_ns);
	struct message_cookie_reply reply;

	if (verdict == COOKIE_BAD_MAC1) {
		control->fx->count_drop(control->fx, DROP_HANDSHAKE_INVALID);
		return false;
	}
	if (is_awaited || now_ns >= control->loaded_until_ns)
		return true;
	if (verdict == COOKIE_MAC2_GOOD) {
		if (ratelimit_pass(&control->ratelimit, &route->remote, now_ns))
			return true;
		control->fx->count_drop(control->fx, DROP_HANDSHAKE_LIMITED);
		return false;
	}
	control->fx->count_drop(control->fx, DROP_HANDSHAKE_LIMITED);
	cookie_reply_create(&control->checker, msg, len, sender_index, source, source_len, now_ns,
	                    &reply);
	control->fx->send_handshake(control->fx, route, &reply, sizeof reply);
	return false;
}

static void refuse(struct control *control, const char *what, const struct route *route,
                   uint64_t now_ns)
{
	char text[ENDPOINT_TEXT_LEN];
	uint64_t suppressed;

	control->fx->count_drop(control->fx, DROP_HANDSHAKE_INVALID);
	if (log_limit_pass(&control->log_limit, now_ns, &suppressed))
		effects_log(control->fx, LOG_LEVEL_INFO,
		            "link=%s: %s from %s, dropped (%llu such lines held back)",
		            route->link->name, what, endpoint_format(&route->remote, text),
		            (unsigned long long)suppressed);
}

/* A public key is no secret, and the one that came is what has to stand in the configuration. */
static void refuse_unknown(struct control *control, const uint8_t key[static KEY_LEN],
                           const struct route *route, uint64_t now_ns)
{
	char from[ENDPOINT_TEXT_LEN], text[KEY_TEXT_LEN];
	uint64_t suppressed;

	control->fx->count_drop(control->fx, DROP_HANDSHAKE_INVALID);
	if (!log_limit_pass(&control->log_limit, now_ns, &suppressed))
		return;
	key_to_base64(text, key);
	effects_log(
		control->fx, LOG_LEVEL_INFO,
		"link=%s: a handshake initiation of an unknown peer from %s, dropped; its public "
		"key is %s: if it is one of yours, give this key to peer_public_key or to an "
		"entry of peers (%llu such lines held back)",
		route->link->name, endpoint_format(&route->remote, from), text,
		(unsigned long long)suppressed);
}

/* New enough, and not one of a flood of replays or of a peer run wild. */
static bool is_fresh(const struct peer *peer, const uint8_t timestamp[TAI64N_LEN], uint64_t now_ns)
{
	return memcmp(timestamp, peer->newest_timestamp, TAI64N_LEN) > 0 &&
	       (!peer->initiation_ns || now_ns >= peer->initiation_ns + INITIATIONS_PER_PEER_NS);
}

/* The response goes to where the initiation came from; to a bonded peer also over the other paths
 * that work, in case that one is dead in our direction.
 */
static void send_response(struct peer *peer, const struct route *route,
                          const struct message_response *msg, uint64_t now_ns)
{
	bool is_bonded = peer->verdict.is == VERDICT_BONDED && peer->verdict.saw_marker;

	send_over(peer, route, msg, sizeof *msg, now_ns);
	for (unsigned i = 0; is_bonded && i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (is_target(peer, path, true) && health_carries_data(&path->health) &&
		    !route_is_same_way(&path->route, route))
			send_on_path(peer, path, msg, sizeof *msg, now_ns);
	}
	peer->handshake.sent_ns = now_ns;
	dp_peer_sent(peer->dp, false, now_ns);
}

/* A vtrunkd proves that it is at the origin of its initiation before data goes there. Less goes there than
 * came, whatever it turns out to be.
 */
static void note_origin(struct peer *peer, const struct route *route, uint64_t now_ns)
{
	struct path *path =
		peer->verdict.saw_marker
			? path_add_origin(peer, route, sizeof(struct message_initiation), now_ns)
			: NULL;

	if (path)
		path_may_tell(path, sizeof(struct message_response));
}

static void accept_initiation(struct peer *peer, struct noise_initiation *init,
                              const struct message_initiation *msg,
                              const uint8_t timestamp[TAI64N_LEN], const struct route *route,
                              uint64_t now_ns)
{
	struct control *control = peer->control;
	struct message_response response;
	uint8_t ephemeral[KEY_LEN];
	uint32_t index;
	int r;

	memcpy(peer->newest_timestamp, timestamp, TAI64N_LEN);
	peer->initiation_ns = now_ns;
	peer->stale_initiations = 0;
	peer->verdict.saw_marker = control->config->bonding != BONDING_POLICY_OFF &&
	                           noise_timestamp_low24(timestamp) == BONDING_MARKER;
	if (control->fx->reserve_index(control->fx, peer, &index))
		return;
	peer->fx->random(peer->fx, ephemeral, sizeof ephemeral);
	r = noise_create_response(&init->handshake, peer->remote, ephemeral, index, &response);
	secret_wipe(ephemeral, sizeof ephemeral);
	if (!r)
		r = peer_begin_session(peer, &init->handshake, false, route, now_ns);
	if (r) {
		control->fx->release_index(control->fx, index);
		return;
	}
	dp_peer_heard(peer->dp, false, now_ns);
	answered_remember(&peer->answered, msg, &response, now_ns);
	note_origin(peer, route, now_ns);
	send_response(peer, route, &response, now_ns);
	effects_log(peer->fx, LOG_LEVEL_DEBUG, "peer=%s link=%s: answered a handshake initiation%s",
	            peer->name, route->link->name, peer->verdict.saw_marker ? " of a vtrunkd" : "");
}

/* It came over another link, or the network doubled it. */
static void answer_copy(struct peer *peer, const struct message_response *response,
                        const struct route *route, uint64_t now_ns)
{
	note_origin(peer, route, now_ns);
	send_over(peer, route, response, sizeof *response, now_ns);
	effects_log(peer->fx, LOG_LEVEL_DEBUG,
	            "peer=%s link=%s: answered a copy of the handshake initiation", peer->name,
	            route->link->name);
}

/* New enough or not, and what is too old may be so because of a clock, which people have to be told. */
static void refuse_stale(struct peer *peer, const uint8_t timestamp[TAI64N_LEN], uint64_t now_ns)
{
	int64_t by_s = (int64_t)(load_be64(peer->newest_timestamp) - load_be64(timestamp));
	uint64_t suppressed;

	peer->fx->count_drop(peer->fx, DROP_REPLAY);
	if (by_s < STALE_S)
		return;
	peer->stale_initiations++;
	peer->stale_by_s = by_s;
	if (log_limit_pass(&peer->stale_limit, now_ns, &suppressed))
		effects_log(
			peer->fx, LOG_LEVEL_WARNING,
			"peer=%s: refused a handshake initiation of a time %lld s before that of "
			"the newest: the peer's clock was set back, or somebody replays old "
			"ones; it gets in when its clock has passed that time, or when this "
			"daemon is restarted",
			peer->name, (long long)by_s);
}

/* One that proved its sender. */
static void take_initiation(struct peer *peer, struct noise_initiation *init,
                            const struct message_initiation *msg,
                            const uint8_t timestamp[TAI64N_LEN], const struct route *route,
                            uint64_t now_ns)
{
	const struct message_response *response = answered_copy(&peer->answered, msg, now_ns);

	if (response) {
		answer_copy(peer, response, route, now_ns);
		peer_service(peer, now_ns);
	} else if (!is_fresh(peer, timestamp, now_ns)) {
		refuse_stale(peer, timestamp, now_ns);
	} else {
		accept_initiation(peer, init, msg, timestamp, route, now_ns);
		peer_service(peer, now_ns);
	}
}

static void receive_initiation(struct control *control, const struct route *route,
                               const struct message_initiation *msg, uint64_t now_ns)
{
	struct noise_initiation init;
	uint8_t timestamp[TAI64N_LEN];
	struct peer *peer;

	if (!passes_macs(control, route, msg, sizeof *msg, load_le32(msg->sender_index), false,
	                 now_ns))
		return;
	if (noise_open_initiation(&init, control->identity, msg)) {
		refuse(control, "a forged handshake initiation", route, now_ns);
		return;
	}
	peer = control_find_peer(control, init.public_key);
	if (!peer)
		refuse_unknown(control, init.public_key, route, now_ns);
	else if (!peer->remote->is_usable ||
	         noise_accept_initiation(&init, peer->remote, msg, timestamp))
		refuse(control, "a forged handshake initiation", route, now_ns);
	else
		take_initiation(peer, &init, msg, timestamp, route, now_ns);
	secret_wipe(&init, sizeof init);
}

/* Whether it is a copy of the response that has made a session: it came over another link. */
static bool is_known_response(struct control *control, const struct message_response *msg)
{
	const struct keypair *kp =
		control->fx->keypair_of_index(control->fx, load_le32(msg->receiver_index));

	return kp && kp->is_initiator && kp->remote_index == load_le32(msg->sender_index);
}

static void receive_response(struct control *control, const struct route *route,
                             const struct message_response *msg, uint64_t now_ns)
{
	uint32_t index = load_le32(msg->receiver_index);
	struct peer *peer = control->fx->owner_of_index(control->fx, index);
	bool is_awaited = peer && peer->handshake.is_pending;
	int r;

	if (!passes_macs(control, route, msg, sizeof *msg, load_le32(msg->sender_index), is_awaited,
	                 now_ns))
		return;
	if (!is_awaited) {
		if (!is_known_response(control, msg))
			control->fx->count_drop(control->fx, DROP_UNKNOWN_INDEX);
		return;
	}
	r = noise_consume_response(peer->handshake.noise, control->identity, peer->remote, msg);
	if (r) {
		refuse(control, "a forged handshake response", route, now_ns);
		return;
	}
	peer->handshake.is_pending = false; /* its index becomes the session's */
	r = peer_begin_session(peer, peer->handshake.noise, true, route, now_ns);
	handshake_abandon(peer);
	if (r) {
		control->fx->release_index(control->fx, index);
		effects_log(peer->fx, LOG_LEVEL_ERROR, "peer=%s: no session, %s", peer->name,
		            strerror(-r));
		return;
	}
	atomic_store(&peer->dp->session_wanted, false);
	dp_peer_heard(peer->dp, false, now_ns);
	peer_verdict_session_began(peer, true, now_ns);
	peer_service(peer, now_ns);
}

static void receive_cookie(struct control *control, const struct route *route,
                           const struct message_cookie_reply *msg, uint64_t now_ns)
{
	uint32_t index = load_le32(msg->receiver_index);
	struct peer *peer = control->fx->owner_of_index(control->fx, index);

	if (!peer) {
		/* It may also answer a response of ours, whose index has a keypair by now. */
		struct keypair *kp = control->fx->keypair_of_index(control->fx, index);

		peer = kp ? ((struct dp_peer *)kp->owner)->control : NULL;
	}
	/* The next message carries it; none is sent because of it (whitepaper 6.6). */
	if (!peer ||
	    !cookie_reply_consume(&peer->cookie_keys, &peer->jar[route->link->id], msg, now_ns))
		control->fx->count_drop(control->fx, DROP_HANDSHAKE_INVALID);
}

void handshake_receive(struct control *control, const struct route *route, const uint8_t *msg,
                       size_t len, uint64_t now_ns)
{
	uint32_t type = len >= 4 ? load_le32(msg) : 0;

	if (type == MESSAGE_INITIATION && len == sizeof(struct message_initiation))
		receive_initiation(control, route, (const void *)msg, now_ns);
	else if (type == MESSAGE_RESPONSE && len == sizeof(struct message_response))
		receive_response(control, route, (const void *)msg, now_ns);
	else if (type == MESSAGE_COOKIE_REPLY && len == sizeof(struct message_cookie_reply))
		receive_cookie(control, route, (const void *)msg, now_ns);
	else
		control->fx->count_drop(control->fx, DROP_MALFORMED);
}
