/* SPDX-License-Identifier: MIT */
#include "control/messages.h"

#include "base/bytes.h"
#include "base/key_text.h"
#include "control/peer_handshake.h"
#include "crypto/aead.h"

#define STRANGER_LINES       10u
#define STRANGER_INTERVAL_NS NS_PER_S

void messages_init(struct messages *m, struct effects *fx, const struct noise_identity *identity,
                   struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]),
                   void *find_arg)
{
	*m = (struct messages){
		.fx = fx,
		.identity = identity,
		.log_limit = {.interval_ns = STRANGER_INTERVAL_NS, .burst = STRANGER_LINES},
		.find_peer = find_peer,
		.find_arg = find_arg};
	strangers_init(&m->strangers, identity->public_key);
}

void messages_fini(struct messages *m)
{
	strangers_fini(&m->strangers);
}

static bool passes(struct messages *m, const struct route *route, const void *msg, size_t len,
                   bool is_awaited, uint64_t now_ns)
{
	struct message_cookie_reply reply;

	switch (strangers_check(&m->strangers, &route->remote, msg, len, is_awaited, now_ns,
	                        &reply)) {
	case STRANGER_PASSES:
		return true;
	case STRANGER_FORGED:
		m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
		return false;
	case STRANGER_ASKED:
		m->fx->send_handshake(m->fx, route, &reply, sizeof reply);
		break;
	case STRANGER_LIMITED:
		break;
	}
	m->fx->count_drop(m->fx, DROP_HANDSHAKE_LIMITED);
	return false;
}

static void refuse(struct messages *m, const char *what, const struct route *route, uint64_t now_ns)
{
	char text[ENDPOINT_TEXT_LEN];
	uint64_t suppressed;

	m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
	if (log_limit_pass(&m->log_limit, now_ns, &suppressed))
		effects_log(m->fx, LOG_LEVEL_INFO,
		            "link=%s: %s from %s, dropped (%llu such lines held back)",
		            route->link->name, what, endpoint_format(&route->remote, text),
		            (unsigned long long)suppressed);
}

/* A public key is no secret, and the one that came is what has to stand in the configuration. */
static void refuse_unknown(struct messages *m, const uint8_t key[static KEY_LEN],
                           const struct route *route, uint64_t now_ns)
{
	char from[ENDPOINT_TEXT_LEN], text[KEY_TEXT_LEN];
	uint64_t suppressed;

	m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
	if (!log_limit_pass(&m->log_limit, now_ns, &suppressed))
		return;
	key_to_base64(text, key);
	effects_log(
		m->fx, LOG_LEVEL_INFO,
		"link=%s: a handshake initiation of an unknown peer from %s, dropped; its public "
		"key is %s: if it is one of yours, give this key to peer_public_key or to an "
		"entry of peers (%llu such lines held back)",
		route->link->name, endpoint_format(&route->remote, from), text,
		(unsigned long long)suppressed);
}

static void receive_initiation(struct messages *m, const struct route *route,
                               const struct message_initiation *msg, uint64_t now_ns)
{
	struct noise_initiation init;
	uint8_t timestamp[TAI64N_LEN];
	struct peer *peer;

	if (!passes(m, route, msg, sizeof *msg, false, now_ns))
		return;
	if (noise_open_initiation(&init, m->identity, msg)) {
		refuse(m, "a forged handshake initiation", route, now_ns);
		return;
	}
	peer = m->find_peer(m->find_arg, init.public_key);
	if (!peer)
		refuse_unknown(m, init.public_key, route, now_ns);
	else if (!peer->remote->is_usable ||
	         noise_accept_initiation(&init, peer->remote, msg, timestamp))
		refuse(m, "a forged handshake initiation", route, now_ns);
	else
		peer_take_initiation(peer, &init, msg, timestamp, route, now_ns);
	secret_wipe(&init, sizeof init);
}

/* Whether it is a copy of the response that has made a session: it came over another link. */
static bool is_known_response(struct messages *m, const struct message_response *msg)
{
	const struct keypair *kp = m->fx->keypair_of_index(m->fx, load_le32(msg->receiver_index));

	return kp && kp->is_initiator && kp->remote_index == load_le32(msg->sender_index);
}

static void receive_response(struct messages *m, const struct route *route,
                             const struct message_response *msg, uint64_t now_ns)
{
	struct peer *peer = m->fx->owner_of_index(m->fx, load_le32(msg->receiver_index));
	bool is_awaited = peer && peer->handshake.is_pending;

	if (!passes(m, route, msg, sizeof *msg, is_awaited, now_ns))
		return;
	if (!is_awaited && !is_known_response(m, msg))
		m->fx->count_drop(m->fx, DROP_UNKNOWN_INDEX);
	if (is_awaited && !peer_take_response(peer, msg, route, now_ns))
		refuse(m, "a forged handshake response", route, now_ns);
}

static void receive_cookie(struct messages *m, const struct route *route,
                           const struct message_cookie_reply *msg, uint64_t now_ns)
{
	uint32_t index = load_le32(msg->receiver_index);
	struct peer *peer = m->fx->owner_of_index(m->fx, index);

	if (!peer) {
		/* It may also answer a response of ours, whose index has a keypair by now. */
		struct keypair *kp = m->fx->keypair_of_index(m->fx, index);

		peer = kp ? ((struct dp_peer *)kp->owner)->control : NULL;
	}
	if (!peer || !peer_take_cookie(peer, msg, route, now_ns))
		m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
}

void messages_take(struct messages *m, const struct route *route, const uint8_t *msg, size_t len,
                   uint64_t now_ns)
{
	switch (strangers_kind(msg, len)) {
	case MESSAGE_INITIATION:
		receive_initiation(m, route, (const void *)msg, now_ns);
		break;
	case MESSAGE_RESPONSE:
		receive_response(m, route, (const void *)msg, now_ns);
		break;
	case MESSAGE_COOKIE_REPLY:
		receive_cookie(m, route, (const void *)msg, now_ns);
		break;
	default:
		m->fx->count_drop(m->fx, DROP_MALFORMED);
	}
}
