/* SPDX-License-Identifier: MIT */
/* messages.h - from a handshake message that the gate let in to the peer it concerns.
 *
 * Messages come from strangers until the last step: the order of checks is length, MAC1, load, our
 * static key (strangers.h), then here the peer's, and then the peer itself looks whether it is a
 * copy and how old it is (peer_handshake.h); only then anything is stored.
 *
 * Control thread.
 */
#ifndef CONTROL_MESSAGES_H
#define CONTROL_MESSAGES_H

#include "base/log.h"
#include "control/effects.h"
#include "control/visitors.h"

struct peer;

struct messages {
	struct effects *fx;
	struct log_limit
		log_limit; /* for lines strangers can cause: ten at once, then one per second */

	/* The peer with this public key, or NULL. */
	struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]);
	void *find_arg;
};

void messages_init(struct messages *m, struct effects *fx,
                   struct peer *(*find_peer)(void *arg, const uint8_t key[static KEY_LEN]),
                   void *find_arg);

/* One message, which the caller keeps; what it has opened goes on in place. */
void messages_take(struct messages *m, struct visitor *visitor, uint64_t now_ns);

#endif
