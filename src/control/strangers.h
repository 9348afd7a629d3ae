/* SPDX-License-Identifier: MIT */
/* strangers.h - the checks of a handshake message that need to know no peer: length, MAC1, and under load
 * a cookie and a share (whitepaper 5.3, 5.4.4).
 *
 * Messages come from anybody, so these come before everything that costs more. They know nothing but
 * our public key and who sent lately, and have no effects: what is to be sent back is handed out. So they
 * can be run wherever messages are received.
 *
 * Time as argument. One thread at a time.
 */
#ifndef CONTROL_STRANGERS_H
#define CONTROL_STRANGERS_H

#include "base/endpoint.h"
#include "control/ratelimit.h"
#include "crypto/cookie.h"
#include "vtrunkd/wire.h"

struct strangers {
	struct cookie_checker checker;
	struct ratelimit ratelimit;
	uint64_t loaded_until_ns; /* under load: cookies are asked for until then */
};

enum stranger_verdict {
	STRANGER_PASSES,
	STRANGER_FORGED,  /* MAC1 is wrong: not meant for us */
	STRANGER_LIMITED, /* its source had its share, under load */
	STRANGER_ASKED,   /* the cookie reply is to be sent to its source */
};

void strangers_init(struct strangers *s, const uint8_t public_key[static KEY_LEN]);

/* Wipes what is secret. */
void strangers_fini(struct strangers *s);

/* Senders are asked for cookies for a second from now on. True when they were not already. */
bool strangers_set_loaded(struct strangers *s, uint64_t now_ns);

/* What kind of message that is by its type and length: MESSAGE_INITIATION, MESSAGE_RESPONSE,
 * MESSAGE_COOKIE_REPLY, or 0: none.
 */
unsigned strangers_kind(const uint8_t *msg, size_t len);

/* An initiation or response from @source. @is_awaited: a response that names an index which others do
 * not see; it needs no cookie. *@ret_reply is written for STRANGER_ASKED.
 */
enum stranger_verdict strangers_check(struct strangers *s, const struct endpoint *source,
                                      const void *msg, size_t len, bool is_awaited, uint64_t now_ns,
                                      struct message_cookie_reply *ret_reply);

#endif
