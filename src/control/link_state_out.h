/* SPDX-License-Identifier: MIT */
/* link_state_out.h - telling a peer how our ends of its paths stand: what was said last, and when
 * to say it again.
 *
 * Each change is said at once, over all paths that can carry it, and again after 50 ms, 100 ms and
 * so on up to 3.2 s, until the peer has acknowledged its number. It is never given up: a peer that
 * missed the last one would leave a path idle for ever. A path that is gone is told as removed
 * until that is acknowledged.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_LINK_STATE_OUT_H
#define CONTROL_LINK_STATE_OUT_H

#include "control/link_state.h"

/* Begins with link_state_out_init(). */
struct link_state_out {
	bool is_wanted; /* the peer takes it */
	struct link_state said;
	uint32_t number;   /* of what is said; goes on for as long as we live */
	uint64_t due_ns;   /* to be said then; NEVER_NS: it is acknowledged, or nobody takes it */
	uint64_t pause_ns; /* behind the next time */
};

void link_state_out_init(struct link_state_out *out);

/* The peer takes it: everything is to be said, unless it did so before. */
void link_state_out_begin(struct link_state_out *out, uint64_t now_ns);

/* It takes none any more, or is another one. */
void link_state_out_end(struct link_state_out *out);

/* That is how things stand: due at once if it is something else than was said. */
void link_state_out_update(struct link_state_out *out, const struct link_state *now,
                           uint64_t now_ns);

/* It was said. */
void link_state_out_sent(struct link_state_out *out, uint64_t now_ns);

/* The peer has heard @number. */
void link_state_out_acked(struct link_state_out *out, uint32_t number);

#endif
