/* SPDX-License-Identifier: MIT */
/* cookie.h - MAC1, MAC2 and the cookie reply (whitepaper 5.4.4 and 5.4.7).
 *
 * A cookie is bound to the source address and port the other side saw, so every link keeps a jar of
 * its own for each peer. Times are arguments. The receiving side is used by one thread (gate), the
 * sending one by another (control).
 */
#ifndef CRYPTO_COOKIE_H
#define CRYPTO_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* The receiving side: checks MACs on messages to us and hands out cookies. */
struct cookie_checker {
	uint8_t mac1_key[KEY_LEN];   /* HASH("mac1----" || our public key) */
	uint8_t cookie_key[KEY_LEN]; /* HASH("cookie--" || our public key) */
	uint8_t secret[KEY_LEN];     /* behind the cookies; replaced every COOKIE_SECRET_TIME */
	uint64_t secret_at_ns;       /* when it was drawn; 0 never */
};

/* The sending side, per peer: keys that depend on the peer's public key. */
struct cookie_keys {
	uint8_t mac1_key[KEY_LEN];
	uint8_t cookie_key[KEY_LEN];
};

/* The sending side, per peer and link. All zero: no cookie. */
struct cookie_jar {
	uint8_t cookie[COOKIE_LEN];
	uint64_t cookie_at_ns;      /* when it came; 0 none */
	uint8_t last_mac1[MAC_LEN]; /* of the newest message sent there: the reply's AD */
	bool has_last_mac1;
};

enum cookie_verdict {
	COOKIE_BAD_MAC1,  /* not for us or forged: stay silent */
	COOKIE_MAC1_ONLY, /* fine unless we are under load */
	COOKIE_MAC2_GOOD, /* and the sender receives at its address */
};

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[static KEY_LEN]);
void cookie_keys_init(struct cookie_keys *keys, const uint8_t public_key[static KEY_LEN]);

/* @msg of @len bytes ends with struct message_macs. @source is address and port of the sender in
 * network order, @source_len 6 or 18 bytes.
 */
enum cookie_verdict cookie_check(struct cookie_checker *checker, const void *msg, size_t len,
                                 const void *source, size_t source_len, uint64_t now_ns);

/* The reply to @msg, of @len bytes, whose sender called itself @sender_index. */
void cookie_reply_create(struct cookie_checker *checker, const void *msg, size_t len,
                         uint32_t sender_index, const void *source, size_t source_len,
                         uint64_t now_ns, struct message_cookie_reply *ret);

/* Fills in both MACs of an outgoing @msg; MAC2 is zero without a cookie younger than
 * COOKIE_SECRET_TIME - COOKIE_LATENCY. Remembers MAC1 in @jar.
 */
void cookie_add_macs(const struct cookie_keys *keys, struct cookie_jar *jar, void *msg, size_t len,
                     uint64_t now_ns);

/* True, and stores the cookie, when @reply answers the message whose MAC1 the jar remembers. */
bool cookie_reply_consume(const struct cookie_keys *keys, struct cookie_jar *jar,
                          const struct message_cookie_reply *reply, uint64_t now_ns);

#endif
