/* SPDX-License-Identifier: MIT */
/* strangers.h - what is done with a handshake message before it is known whose it is: length, MAC1,
 * under load a cookie and a share (whitepaper 5.3, 5.4.4), then whether the index it names is ours,
 * or the first half of an initiation, which tells the public key of who says to have sent it.
 *
 * Messages come from anybody, so these come before everything that costs more. They know nothing
 * but our static key, who sent lately, and whether an index is ours, and have no effects: what is
 * to be sent back is handed out. So they can be run wherever messages are received: by the gate,
 * and by a simulation.
 *
 *   message --> MALFORMED, FORGED, UNKNOWN, UNREADABLE  dropped
 *          \--> LIMITED, ASKED                          dropped under load; asked by a cookie
 *           \-> PASSES                                  a visitor, for control
 *
 * Time as argument. One thread at a time.
 */
#ifndef CONTROL_STRANGERS_H
#define CONTROL_STRANGERS_H

#include "base/endpoint.h"
#include "control/ratelimit.h"
#include "control/visitors.h"
#include "crypto/cookie.h"
#include "crypto/noise.h"
#include "dataplane/drop.h"
#include "dataplane/index.h"
#include "vtrunkd/wire.h"

struct strangers {
	const struct noise_identity *identity; /* ours; secret memory */
	struct index_table *index;             /* whose readers we are */
	struct cookie_checker checker;
	struct ratelimit ratelimit;
	uint64_t loaded_until_ns; /* under load: cookies are asked for until then */
};

enum stranger_verdict {
	STRANGER_PASSES,
	STRANGER_MALFORMED,  /* no handshake message */
	STRANGER_FORGED,     /* MAC1 is wrong: not meant for us */
	STRANGER_LIMITED,    /* its source had its share, under load */
	STRANGER_ASKED,      /* the cookie reply is to be sent to its source */
	STRANGER_UNKNOWN,    /* a response to nothing: its index is nobody's */
	STRANGER_UNANSWERED, /* a cookie reply to nothing */
	STRANGER_UNREADABLE, /* an initiation that was not sealed for our key */
};

/* Both are used, and stay where they are, until strangers_fini(). */
void strangers_init(struct strangers *s, const struct noise_identity *identity,
                    struct index_table *index);

/* Wipes what is secret. */
void strangers_fini(struct strangers *s);

/* Our static key is another one from now on; cookies that were given out stay good. */
void strangers_renew(struct strangers *s, const struct noise_identity *identity);

/* Senders are asked for cookies for a second from now on. True when they were not already. */
bool strangers_set_loaded(struct strangers *s, uint64_t now_ns);

/* What kind of message that is by its type and length: MESSAGE_INITIATION, MESSAGE_RESPONSE,
 * MESSAGE_COOKIE_REPLY, or 0: none.
 */
unsigned strangers_kind(const uint8_t *msg, size_t len);

/* An initiation or response from @source. @is_awaited: a response that names an index which others
 * do not see; it needs no cookie. *@ret_reply is written for STRANGER_ASKED.
 */
enum stranger_verdict strangers_check(struct strangers *s, const struct endpoint *source,
                                      const void *msg, size_t len, bool is_awaited, uint64_t now_ns,
                                      struct message_cookie_reply *ret_reply);

/* All of it, for the message @msg that came over @route. @ret is a place of visitors.h, filled in
 * for STRANGER_PASSES and otherwise as it was; *@ret_reply as above. Costs one DH for an initiation
 * that comes so far. RCU online.
 */
enum stranger_verdict strangers_take(struct strangers *s, const struct route *route,
                                     const uint8_t *msg, size_t len, uint64_t now_ns,
                                     struct visitor *ret, struct message_cookie_reply *ret_reply);

/* As what a message is counted that does not pass. */
enum drop_reason strangers_drop_reason(enum stranger_verdict verdict);

#endif
