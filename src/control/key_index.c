/* SPDX-License-Identifier: MIT */
#include "control/key_index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int key_index_reserve(struct key_index *index, size_t count)
{
	struct key_entry *grown;

	if (count <= index->room)
		return 0;
	grown = reallocarray(index->entries, count, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	index->entries = grown;
	index->room = count;
	return 0;
}

void key_index_fini(struct key_index *index)
{
	free(index->entries);
	*index = (struct key_index){0};
}

/* The first place whose key is not smaller. */
static size_t place_of(const struct key_index *index, const uint8_t key[static KEY_LEN])
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(index->entries[middle].key, key, KEY_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct key_entry *find(const struct key_index *index, const uint8_t key[static KEY_LEN])
{
	size_t at = place_of(index, key);

	if (at == index->count || memcmp(index->entries[at].key, key, KEY_LEN) != 0)
		return NULL;
	return &index->entries[at];
}

void key_index_add(struct key_index *index, const uint8_t key[static KEY_LEN], struct peer *peer)
{
	struct key_entry *at = index->entries + place_of(index, key);
	size_t behind = (size_t)(index->entries + index->count - at);

	assert(index->count < index->room);
	memmove(at + 1, at, behind * sizeof *at);
	*at = (struct key_entry){key, peer};
	index->count++;
}

void key_index_remove(struct key_index *index, const uint8_t key[static KEY_LEN])
{
	struct key_entry *at = find(index, key);

	if (!at)
		return;
	index->count--;
	memmove(at, at + 1, (size_t)(index->entries + index->count - at) * sizeof *at);
}

struct peer *key_index_find(const struct key_index *index, const uint8_t key[static KEY_LEN])
{
	const struct key_entry *at = find(index, key);

	return at ? at->peer : NULL;
}
