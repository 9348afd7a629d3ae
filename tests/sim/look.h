/* SPDX-License-Identifier: MIT */
/* look.h - what the rules of the simulation look at inside a daemon. */
#ifndef SIM_LOOK_H
#define SIM_LOOK_H

#include "node.h"

/* Of one peer of one node, now. */
struct look {
	unsigned keypairs;
	uint64_t newest_ns;                 /* when the newest keypair was made */
	bool is_alive;                      /* there is one that can still send */
	bool is_initiator;                  /* we are that of the session in use */
	uint32_t local_index, remote_index; /* of the session in use */
	bool is_bonded;                     /* the verdict */
	bool is_plain;                      /* the verdict */
	bool may_be_bonded;  /* the newest session is with somebody who showed the marker */
	uint64_t handshakes; /* sessions made */
	unsigned paths, up, candidates; /* in use, of them up, not proved */
	unsigned down_long; /* learnt from the peer, and down for more than half a minute */
	uint64_t retry_ns;  /* when an initiation is due; NEVER_NS: none */
};

struct look look_at(const struct node *node, unsigned peer);

/* Whether @a and @b, at the ends of one tunnel, use the same session. */
bool look_is_same_session(const struct look *a, const struct look *b);

/* Whether two paths of one link lead to one address of @peer. */
bool look_has_double(const struct node *node, unsigned peer);

/* Whether @node receives under a key that it gave @index. */
bool look_has_key(const struct node *node, uint32_t index);

/* What does not add up in @node, which runs: paths that lead over links that were removed, keys,
 * deadlines of peers that are gone, weights; NULL: nothing.
 */
const char *look_what_is_wrong(const struct node *node);

/* Whether the same session goes on, and is known for what it was. */
bool look_goes_on(const struct look *before, const struct look *after);

#endif
