/* SPDX-License-Identifier: MIT */
#include "control/stamps.h"

#include <stdlib.h>
#include <string.h>

#include "vtrunkd/limits.h"

static void remove_at(struct stamps *stamps, size_t i)
{
	stamps->kept[i] = stamps->kept[--stamps->count];
}

static void forget_older(struct stamps *stamps, const uint8_t now[static TAI64N_LEN])
{
	for (size_t i = stamps->count; i-- > 0;) {
		if (memcmp(stamps->kept[i].at, now, TAI64N_LEN) < 0)
			remove_at(stamps, i);
	}
}

static bool reserve(struct stamps *stamps)
{
	size_t room = stamps->room ? stamps->room * 2 : 8;
	struct stamp *grown;

	if (stamps->count < stamps->room)
		return true;
	if (stamps->count == PEERS_MAX)
		return false;
	grown = reallocarray(stamps->kept, room, sizeof *grown);
	if (!grown)
		return false;
	stamps->kept = grown;
	stamps->room = room;
	return true;
}

void stamps_keep(struct stamps *stamps, const uint8_t key[static KEY_LEN],
                 const uint8_t at[static TAI64N_LEN], const uint8_t now[static TAI64N_LEN])
{
	struct stamp *stamp;

	forget_older(stamps, now);
	if (memcmp(at, now, TAI64N_LEN) < 0 || !reserve(stamps))
		return;
	stamp = &stamps->kept[stamps->count++];
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
