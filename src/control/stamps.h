/* SPDX-License-Identifier: MIT */
/* stamps.h - the newest time stamps that went to peers which were removed, in case they come back.
 *
 * A peer refuses an initiation of an older time than the newest it accepted. So the stamps to one
 * peer never go back within one run, also when the clock was set back (docs/protocol.md); but whom
 * we remove takes that memory along. It is kept here, whatever the clock says then: it may be set
 * back while the peer is away. Of each peer its own, for a clock that was ahead once must not have
 * others believe it too.
 *
 * Control thread.
 */
#ifndef CONTROL_STAMPS_H
#define CONTROL_STAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

struct stamp {
	uint8_t key[KEY_LEN]; /* of the peer */
	uint8_t at[TAI64N_LEN];
};

/* All zero: none. */
struct stamps {
	struct stamp *kept;
	size_t count, room;
};

/* The peer with @key goes, to whom @at was the newest that went; all zero: none did. Of more than
 * PEERS_MAX the oldest is forgotten, and so is one that there is no memory for.
 */
void stamps_keep(struct stamps *stamps, const uint8_t key[static KEY_LEN],
                 const uint8_t at[static TAI64N_LEN]);

/* The peer with @key comes: @ret becomes what was kept for it, which leaves. As it is when nothing
 * was.
 */
void stamps_take(struct stamps *stamps, const uint8_t key[static KEY_LEN],
                 uint8_t ret[static TAI64N_LEN]);

void stamps_fini(struct stamps *stamps);

#endif
