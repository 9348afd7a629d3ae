/* SPDX-License-Identifier: MIT */
#include "control/stamps.h"

#include <stdlib.h>
#include <string.h>

#include "vtrunkd/limits.h"

static void remove_at(struct stamps *stamps, size_t i)
{
	stamps->kept[i] = stamps->kept[--stamps->count];
}

/* The place for one more; NULL without memory. */
static struct stamp *append(struct stamps *stamps)
{
	size_t room = stamps->room ? stamps->room * 2 : 8;
	struct stamp *grown;

	if (stamps->count == stamps->room) {
		grown = reallocarray(stamps->kept, room, sizeof *grown);
		if (!grown)
			return NULL;
		stamps->kept = grown;
		stamps->room = room;
	}
	return &stamps->kept[stamps->count++];
}

static struct stamp *oldest(const struct stamps *stamps)
{
	struct stamp *found = &stamps->kept[0];

	for (size_t i = 1; i < stamps->count; i++) {
		if (memcmp(stamps->kept[i].at, found->at, TAI64N_LEN) < 0)
			found = &stamps->kept[i];
	}
	return found;
}

void stamps_keep(struct stamps *stamps, const uint8_t key[static KEY_LEN],
                 const uint8_t at[static TAI64N_LEN])
{
	static const uint8_t none[TAI64N_LEN];
	struct stamp *stamp;

	if (!memcmp(at, none, TAI64N_LEN))
		return;
	stamp = stamps->count == PEERS_MAX ? oldest(stamps) : append(stamps);
	if (!stamp)
		return;
	memcpy(stamp->key, key, KEY_LEN);
	memcpy(stamp->at, at, TAI64N_LEN);
}

void stamps_take(struct stamps *stamps, const uint8_t key[static KEY_LEN],
                 uint8_t ret[static TAI64N_LEN])
{
	for (size_t i = 0; i < stamps->count; i++) {
		if (memcmp(stamps->kept[i].key, key, KEY_LEN) != 0)
			continue;
		memcpy(ret, stamps->kept[i].at, TAI64N_LEN);
		remove_at(stamps, i);
		return;
	}
}

void stamps_fini(struct stamps *stamps)
{
	free(stamps->kept);
	*stamps = (struct stamps){0};
}
