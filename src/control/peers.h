/* SPDX-License-Identifier: MIT */
/* peers.h - the peers of a daemon, and how one of them is found.
 *
 * They are gone through in the order in which they were added, and found by the public key that a
 * handshake or a configuration names, or by the id that goes with a question to the resolver. The
 * peers themselves are of whoever adds them.
 *
 * Control thread.
 */
#ifndef CONTROL_PEERS_H
#define CONTROL_PEERS_H

#include "control/key_index.h"

struct peer;

/* All zero: none. */
struct peers {
	struct peer **at; /* in the order in which they were added */
	size_t count;
	struct key_index by_key;
};

/* Makes room for @count in all. Returns 0 or -ENOMEM. */
int peers_reserve(struct peers *peers, size_t count);

/* There is room for it, and no peer with its key. */
void peers_add(struct peers *peers, struct peer *peer);

/* One that is there. The others keep their order. */
void peers_remove(struct peers *peers, const struct peer *peer);

/* By its public key, by its id. NULL: there is none. */
struct peer *peers_find(const struct peers *peers, const uint8_t key[static KEY_LEN]);
struct peer *peers_find_id(const struct peers *peers, uint32_t id);

/* Frees the list, not who is in it. */
void peers_fini(struct peers *peers);

#endif
