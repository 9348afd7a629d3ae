/* SPDX-License-Identifier: MIT */
/* link_state_in.h - what a peer says of its ends of our paths: the newest counts.
 *
 * It may come over several paths and several times, and an older one behind a newer one. Paths are
 * those of the peer, by its own ids.
 *
 * Pure. One thread (control).
 */
#ifndef CONTROL_LINK_STATE_IN_H
#define CONTROL_LINK_STATE_IN_H

#include "control/link_state.h"
#include "control/path.h"

/* All zero: it has said nothing. */
struct link_state_in {
	bool has_any;
	uint32_t number; /* of the newest */
	struct link_state said;
};

enum link_state_news {
	LINK_STATE_BAD,   /* malformed */
	LINK_STATE_OLD,   /* a newer one came before; nothing to be said to it */
	LINK_STATE_AGAIN, /* the newest, another time: to be acknowledged */
	LINK_STATE_NEWS,  /* taken in, and to be acknowledged */
};

/* A body of @len bytes came. */
enum link_state_news link_state_in_take(struct link_state_in *in, const uint8_t *body, size_t len);

/* The peer may be another one: numbers begin anew. */
void link_state_in_forget(struct link_state_in *in);

/* What it says of its end of @path; NULL: nothing, or it is not known which that is. */
const struct link_state_path *link_state_in_of(const struct link_state_in *in,
                                               const struct path *path);

/* Whether it says that its end of @path can carry nothing. */
bool link_state_in_is_leaving(const struct link_state_in *in, const struct path *path);

#endif
