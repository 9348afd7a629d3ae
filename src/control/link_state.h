/* SPDX-License-Identifier: MIT */
/* link_state.h - LINK_STATE in memory and on the wire: how one end of each path stands, and what
 * that end wants of it (docs/protocol.md, "Link states").
 *
 * One says everything anew. Who speaks numbers them (link_state_out.h), who hears keeps the newest
 * (link_state_in.h). What comes from the peer is checked here as a whole: whoever has one that was
 * read need not look at its values again.
 *
 * Pure. One thread (control).
 */
#ifndef CONTROL_LINK_STATE_H
#define CONTROL_LINK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

struct link_state_path {
	uint8_t state;         /* enum link_state_word */
	uint8_t role;          /* enum link_role */
	uint8_t link;          /* below LINKS_MAX */
	uint32_t weight;       /* 1 .. LINK_WEIGHT_MAX */
	uint32_t receive_kbps; /* 0: no limit */
};

/* By the path ids of whoever says it. What of @path is not in @paths is all zero. */
struct link_state {
	uint16_t paths; /* mask */
	struct link_state_path path[PATHS_MAX];
};

/* Body of the longest. */
#define LINK_STATE_LEN_MAX \
	(sizeof(struct frame_link_state) + PATHS_MAX * sizeof(struct frame_link_state_path))

bool link_state_is_same(const struct link_state *a, const struct link_state *b);

/* Writes the body. Returns its length. */
size_t link_state_write(const struct link_state *all, uint32_t number,
                        uint8_t body[static LINK_STATE_LEN_MAX]);

/* Reads a body of @len bytes, at least those of struct frame_link_state. False: it is malformed. */
bool link_state_read(const uint8_t *body, size_t len, uint32_t *ret_number, struct link_state *ret);

/* Why the path of another end carries nothing, for people: a constant string. */
const char *link_state_reason(uint8_t state);

#endif
