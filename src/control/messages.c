/* SPDX-License-Identifier: MIT */
#include "control/messages.h"

#include <assert.h>

#include "base/bytes.h"
#include "base/key_text.h"
#include "control/conductor.h"
#include "control/peer_handshake.h"

#define STRANGER_LINES       10u
#define STRANGER_INTERVAL_NS NS_PER_S

void messages_init(struct messages *m, struct effects *fx,
                   struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]),
                   void *find_arg)
{
	*m = (struct messages){
		.fx = fx,
		.log_limit = {.interval_ns = STRANGER_INTERVAL_NS, .burst = STRANGER_LINES},
		.find_peer = find_peer,
		.find_arg = find_arg};
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

/* Over a link that went or was bound anew since; another one may have its place. */
static bool came_too_late(const struct peer *peer, const struct visitor *visitor)
{
	return !uplinks_know(peer->uplinks, visitor->route.link, visitor->time_ns);
}

static void receive_initiation(struct messages *m, struct visitor *visitor, uint64_t now_ns)
{
	const struct message_initiation *msg = &visitor->message.initiation;
	struct noise_initiation *init = visitor->opened;
	struct peer *peer = m->find_peer(m->find_arg, init->public_key);
	uint8_t timestamp[TAI64N_LEN];

	if (!peer)
		refuse_unknown(m, init->public_key, &visitor->route, now_ns);
	else if (came_too_late(peer, visitor))
		m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
	else if (!peer->remote->is_usable ||
	         noise_accept_initiation(init, peer->remote, msg, timestamp))
		refuse(m, "a forged handshake initiation", &visitor->route, now_ns);
	else if (peer_take_initiation(peer, init, msg, timestamp, &visitor->route, now_ns))
		peer_service(peer, now_ns);
}

/* To an initiation that was answered: a copy of the answer, which came over another link, or a
 * second one, see peer_take_other_response().
 */
static void receive_again(struct messages *m, const struct message_response *msg, uint64_t now_ns)
{
	const struct keypair *kp = m->fx->keypair_of_index(m->fx, load_le32(msg->receiver_index));
	bool is_answered = kp && kp->is_initiator;
	struct peer *peer;

	if (is_answered && kp->remote_index == load_le32(msg->sender_index))
		return;
	m->fx->count_drop(m->fx, DROP_UNKNOWN_INDEX);
	if (!is_answered)
		return;
	peer = ((struct dp_peer *)kp->owner)->control;
	if (peer_take_other_response(peer, kp, now_ns))
		peer_service(peer, now_ns);
}

static void receive_response(struct messages *m, const struct visitor *visitor, uint64_t now_ns)
{
	const struct message_response *msg = &visitor->message.response;
	struct peer *peer = m->fx->owner_of_index(m->fx, load_le32(msg->receiver_index));

	if (!peer || !peer->handshake.is_pending)
		receive_again(m, msg, now_ns);
	else if (came_too_late(peer, visitor))
		m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
	else if (peer_take_response(peer, msg, &visitor->route, now_ns))
		peer_service(peer, now_ns);
	else
		refuse(m, "a forged handshake response", &visitor->route, now_ns);
}

static void receive_cookie(struct messages *m, const struct visitor *visitor, uint64_t now_ns)
{
	const struct message_cookie_reply *msg = &visitor->message.cookie;
	uint32_t index = load_le32(msg->receiver_index);
	struct peer *peer = m->fx->owner_of_index(m->fx, index);

	if (!peer) {
		/* It may also answer a response of ours, whose index has a keypair by now. */
		struct keypair *kp = m->fx->keypair_of_index(m->fx, index);

		peer = kp ? ((struct dp_peer *)kp->owner)->control : NULL;
	}
	if (!peer || came_too_late(peer, visitor) ||
	    !peer_take_cookie(peer, msg, &visitor->route, now_ns))
		m->fx->count_drop(m->fx, DROP_HANDSHAKE_INVALID);
}

void messages_take(struct messages *m, struct visitor *visitor, uint64_t now_ns)
{
	switch (visitor->kind) {
	case MESSAGE_INITIATION:
		receive_initiation(m, visitor, now_ns);
		break;
	case MESSAGE_RESPONSE:
		receive_response(m, visitor, now_ns);
		break;
	case MESSAGE_COOKIE_REPLY:
		receive_cookie(m, visitor, now_ns);
		break;
	default:
		assert(0); /* strangers.h let it in */
	}
}
