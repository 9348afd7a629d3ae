/* SPDX-License-Identifier: MIT */
/* session.h - the keypairs of a peer: previous, current, next (whitepaper 6.3, docs/protocol.md).
 *
 *   initiator, session made:            previous = next or current; current = the new one
 *   responder, session made:            next = the new one; previous is dropped unless it crossed
 *   responder, first packet under next: previous = current; current = next
 *
 * It decides which keypair is which and holds a reference of each. What it lets go of it hands
 * back, reference included: whoever asked takes that out of the index table and puts it.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keypair.h"

/* All zero: there never was one. */
struct session {
	struct keypair *previous, *current, *next; /* a reference each */
	uint64_t made_ns;                          /* when the newest keypair was made; 0 none */
	int64_t made_wall_s;                       /* the same in unix time, for people */
	uint64_t count;                            /* sessions made so far */
	bool is_renewal_asked; /* because of the age of a key that merely receives; once per key */
	bool has_crossed; /* the current one crossed `previous`, which the peer, a vtrunkd, began */
};

/* What was let go of: a reference of each is the caller's. */
struct session_retired {
	struct keypair *kp[3];
	unsigned len;
};

/* Takes over the caller's reference of @kp, a new keypair. As initiator it is `current` now, as
 * responder it will be when it was used by the peer.
 */
void session_add(struct session *s, struct keypair *kp, int64_t wall_s, uint64_t now_ns,
                 struct session_retired *ret);

/* True when a first packet came under `next`, which is `current` now. */
bool session_confirm(struct session *s, uint64_t now_ns, struct session_retired *ret);

/* Lets go of all that were in use: `next`, which the peer has begun since, stays. */
void session_leave(struct session *s, struct session_retired *ret);

/* Lets go of all. */
void session_end(struct session *s, struct session_retired *ret);

/* Whether @kp is of the newest session, also of one that crossed it. Only what comes under such a
 * keypair says something about the session.
 */
bool session_is_newest(const struct session *s, const struct keypair *kp);

/* Whether one of the keypairs has our @index: under one that is no more, what came is as old as it.
 */
bool session_has_key(const struct session *s, uint32_t index);

/* The newest session is with a host that showed the marker: perhaps a vtrunkd. */
bool session_maybe_bonded(const struct session *s);

/* A keypair exists that can still send. */
bool session_is_alive(const struct session *s, uint64_t now_ns);

/* It can, and need not be renewed because of what is sent. */
bool session_is_young(const struct session *s, uint64_t now_ns);

static inline bool session_has_keys(const struct session *s)
{
	return s->previous || s->current || s->next;
}

#endif
