/* SPDX-License-Identifier: MIT */
#include "control/strangers.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"

/* How long cookies are asked for after there was too much to do. */
#define LOADED_NS NS_PER_S

void strangers_init(struct strangers *s, const struct noise_identity *identity,
                    struct index_table *index)
{
	*s = (struct strangers){.identity = identity, .index = index};
	cookie_checker_init(&s->checker, identity->public_key);
}

void strangers_renew(struct strangers *s, const struct noise_identity *identity)
{
	struct cookie_checker before = s->checker;

	s->identity = identity;
	cookie_checker_init(&s->checker, identity->public_key);
	memcpy(s->checker.secret, before.secret, sizeof before.secret);
	s->checker.secret_at_ns = before.secret_at_ns;
	secret_wipe(&before, sizeof before);
}

void strangers_fini(struct strangers *s)
{
	ratelimit_fini(&s->ratelimit);
	secret_wipe(&s->checker, sizeof s->checker);
}

bool strangers_set_loaded(struct strangers *s, uint64_t now_ns)
{
	bool was_loaded = now_ns < s->loaded_until_ns;

	s->loaded_until_ns = now_ns + LOADED_NS;
	return !was_loaded;
}

unsigned strangers_kind(const uint8_t *msg, size_t len)
{
	uint32_t type = len >= 4 ? load_le32(msg) : 0;

	if ((type == MESSAGE_INITIATION && len == sizeof(struct message_initiation)) ||
	    (type == MESSAGE_RESPONSE && len == sizeof(struct message_response)) ||
	    (type == MESSAGE_COOKIE_REPLY && len == sizeof(struct message_cookie_reply)))
		return type;
	return 0;
}

/* Address and port in network order, as cookies are bound to them. */
static size_t source_bytes(const struct endpoint *ep, uint8_t out[static 18])
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

/* Both kinds have it at the same place. */
static uint32_t sender_index(const void *msg)
{
	_Static_assert(offsetof(struct message_initiation, sender_index) ==
	                       offsetof(struct message_response, sender_index),
	               "whitepaper 5.4");
	return load_le32(((const struct message_initiation *)msg)->sender_index);
}

/* MAC1 always; under load also proof that the sender receives at its address, and its share. */
enum stranger_verdict strangers_check(struct strangers *s, const struct endpoint *source,
                                      const void *msg, size_t len, bool is_awaited, uint64_t now_ns,
                                      struct message_cookie_reply *ret_reply)
{
	uint8_t from[18];
	size_t from_len = source_bytes(source, from);
	enum cookie_verdict verdict = cookie_check(&s->checker, msg, len, from, from_len, now_ns);

	if (verdict == COOKIE_BAD_MAC1)
		return STRANGER_FORGED;
	if (is_awaited || now_ns >= s->loaded_until_ns)
		return STRANGER_PASSES;
	if (verdict == COOKIE_MAC2_GOOD)
		return ratelimit_pass(&s->ratelimit, source, now_ns) ? STRANGER_PASSES
		                                                     : STRANGER_LIMITED;
	cookie_reply_create(&s->checker, msg, len, sender_index(msg), from, from_len, now_ns,
	                    ret_reply);
	return STRANGER_ASKED;
}

/* ---- one kind after the other ---- */

static enum stranger_verdict take_initiation(struct strangers *s, const struct route *route,
                                             const struct message_initiation *msg, uint64_t now_ns,
                                             struct visitor *ret,
                                             struct message_cookie_reply *ret_reply)
{
	enum stranger_verdict verdict =
		strangers_check(s, &route->remote, msg, sizeof *msg, false, now_ns, ret_reply);

	if (verdict != STRANGER_PASSES)
		return verdict;
	if (noise_open_initiation(ret->opened, s->identity, msg))
		return STRANGER_UNREADABLE;
	ret->message.initiation = *msg;
	return STRANGER_PASSES;
}

static enum stranger_verdict take_response(struct strangers *s, const struct route *route,
                                           const struct message_response *msg, uint64_t now_ns,
                                           struct visitor *ret,
                                           struct message_cookie_reply *ret_reply)
{
	enum index_use use = index_use(s->index, load_le32(msg->receiver_index));
	enum stranger_verdict verdict = strangers_check(s, &route->remote, msg, sizeof *msg,
	                                                use == INDEX_RESERVED, now_ns, ret_reply);

	if (verdict != STRANGER_PASSES)
		return verdict;
	if (use == INDEX_FREE)
		return STRANGER_UNKNOWN;
	ret->message.response = *msg;
	return STRANGER_PASSES;
}

/* It may also answer a response of ours, whose index has a keypair by now. */
static enum stranger_verdict
take_cookie(struct strangers *s, const struct message_cookie_reply *msg, struct visitor *ret)
{
	if (index_use(s->index, load_le32(msg->receiver_index)) == INDEX_FREE)
		return STRANGER_UNANSWERED;
	ret->message.cookie = *msg;
	return STRANGER_PASSES;
}

enum stranger_verdict strangers_take(struct strangers *s, const struct route *route,
                                     const uint8_t *msg, size_t len, uint64_t now_ns,
                                     struct visitor *ret, struct message_cookie_reply *ret_reply)
{
	const void *at = msg;
	unsigned kind = strangers_kind(msg, len);
	enum stranger_verdict verdict = STRANGER_MALFORMED;

	if (kind == MESSAGE_INITIATION)
		verdict = take_initiation(s, route, at, now_ns, ret, ret_reply);
	else if (kind == MESSAGE_RESPONSE)
		verdict = take_response(s, route, at, now_ns, ret, ret_reply);
	else if (kind == MESSAGE_COOKIE_REPLY)
		verdict = take_cookie(s, at, ret);
	if (verdict == STRANGER_PASSES) {
		ret->kind = kind;
		ret->route = *route;
		ret->time_ns = now_ns;
	}
	return verdict;
}

enum drop_reason strangers_drop_reason(enum stranger_verdict verdict)
{
	static const enum drop_reason reasons[] = {
		[STRANGER_MALFORMED] = DROP_MALFORMED,
		[STRANGER_FORGED] = DROP_HANDSHAKE_INVALID,
		[STRANGER_LIMITED] = DROP_HANDSHAKE_LIMITED,
		[STRANGER_ASKED] = DROP_HANDSHAKE_LIMITED,
		[STRANGER_UNKNOWN] = DROP_UNKNOWN_INDEX,
		[STRANGER_UNANSWERED] = DROP_HANDSHAKE_INVALID,
		[STRANGER_UNREADABLE] = DROP_HANDSHAKE_INVALID,
	};

	return reasons[verdict];
}
