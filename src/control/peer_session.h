/* SPDX-License-Identifier: MIT */
/* peer_session.h - what the begin and the end of a session mean for a peer: index table, keypair of
 * the data plane, where its data goes. Which keypair is which decides session.h.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_SESSION_H
#define CONTROL_PEER_SESSION_H

#include "control/peer.h"

/* A new session from a finished handshake, whose noise state is consumed. @local_index is reserved.
 * Returns 0 or a negative errno.
 */
int peer_begin_session(struct peer *peer, struct noise_handshake *hs, bool is_initiator,
                       const struct route *route, uint64_t now_ns);

/* The first packet under `next` may have come: promotes it then. */
void peer_session_confirmed(struct peer *peer, uint64_t now_ns);

/* Wipes all keypairs; data is staged until there is a new session. */
void peer_end_session(struct peer *peer);

/* "established", "handshake" or "none". */
const char *peer_session_name(const struct peer *peer, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(publish_key);     /* of the session in use, to the data plane */
STEP(want_no_session); /* the data plane has one now, or will have none */
STEP(leave_session);   /* wipes all keypairs but one that the peer has begun and not used yet */
STEP(end_session);     /* wipes all keypairs; data is staged until there is a new one */

#endif
