/* SPDX-License-Identifier: MIT */
/* messages.h - from a handshake message that came in to the peer it concerns.
 *
 * Messages come from strangers until the last step: the order of checks is length, MAC1, load
 * (strangers.h), our static key, the peer's, and then the peer itself looks whether it is a copy and how
 * old it is (peer_handshake.h); only then anything is stored.
 *
 * Control thread.
 */
#ifndef CONTROL_MESSAGES_H
#define CONTROL_MESSAGES_H

#include "base/log.h"
#include "control/effects.h"
#include "control/strangers.h"
#include "crypto/noise.h"

struct peer;
struct route;

struct messages {
	struct effects *fx;
	const struct noise_identity *identity; /* ours */
	struct strangers strangers;
	struct log_limit
		log_limit; /* for lines strangers can cause: ten at once, then one per second */

	/* The peer with this public key, or NULL. */
	struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]);
	void *find_arg;
};

void messages_init(struct messages *m, struct effects *fx, const struct noise_identity *identity,
                   struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]),
                   void *find_arg);
void messages_fini(struct messages *m);

/* One message that came over @route. */
void messages_take(struct messages *m, const struct route *route, const uint8_t *msg, size_t len,
                   uint64_t now_ns);

#endif
