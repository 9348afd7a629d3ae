/* SPDX-License-Identifier: MIT */
/* key_index.h - finds a peer by its public key: what a handshake names, and what a configuration
 * means by the same peer.
 *
 * A sorted list: peers come and go rarely and are looked for with each initiation. The keys lie in
 * the peers. One thread (control).
 */
#ifndef CONTROL_KEY_INDEX_H
#define CONTROL_KEY_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

struct peer;

struct key_entry {
	const uint8_t *key; /* KEY_LEN bytes */
	struct peer *peer;
};

/* All zero: empty. */
struct key_index {
	struct key_entry *entries; /* in the order of their keys */
	size_t count, room;
};

/* Makes room for @count in all. Returns 0 or -ENOMEM. */
int key_index_reserve(struct key_index *index, size_t count);
void key_index_fini(struct key_index *index);

/* There is room for it, and no peer with that key. @key stays where it is while it is in the index.
 */
void key_index_add(struct key_index *index, const uint8_t key[static KEY_LEN], struct peer *peer);

/* Nothing to do when there is none. */
void key_index_remove(struct key_index *index, const uint8_t key[static KEY_LEN]);

/* NULL: there is none. */
struct peer *key_index_find(const struct key_index *index, const uint8_t key[static KEY_LEN]);

#endif
