/* SPDX-License-Identifier: MIT */
#include "control/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/peer.h"

int peers_reserve(struct peers *peers, size_t count)
{
	struct peer **grown;
	int r;

	if (count <= peers->by_key.room)
		return 0;
	/* Last of all: who walks through the list has to be told when it moves, so it may not move
	 * in vain.
	 */
	grown = malloc(count * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	r = key_index_reserve(&peers->by_key, count);
	if (r) {
		free(grown);
		return r;
	}
	if (peers->count)
		memcpy(grown, peers->at, peers->count * sizeof *grown);
	free(peers->at);
	peers->at = grown;
	return 0;
}

void peers_add(struct peers *peers, struct peer *peer)
{
	key_index_add(&peers->by_key, peer->set.public_key, peer);
	peers->at[peers->count++] = peer;
}

void peers_remove(struct peers *peers, const struct peer *peer)
{
	size_t at = 0;

	while (peers->at[at] != peer)
		at++;
	peers->count--;
	memmove(&peers->at[at], &peers->at[at + 1], (peers->count - at) * sizeof *peers->at);
	key_index_remove(&peers->by_key, peer->set.public_key);
}

struct peer *peers_find(const struct peers *peers, const uint8_t key[static KEY_LEN])
{
	return key_index_find(&peers->by_key, key);
}

struct peer *peers_find_id(const struct peers *peers, uint32_t id)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->at[i]->id == id)
			return peers->at[i];
	return NULL;
}

void peers_fini(struct peers *peers)
{
	free(peers->at);
	key_index_fini(&peers->by_key);
	*peers = (struct peers){0};
}
