/* SPDX-License-Identifier: MIT */
/* peer_link_state.h - LINK_STATE with one peer: it is told at once when a path of ours can carry
 * nothing, and a path that it says so of takes no data from us, before any probe is overdue.
 *
 * What is said and when is link_state_out.h's, what was heard link_state_in.h's. Here is what that
 * has to do with paths and links. A peer that is mistaken, or lies, spoils what goes to itself.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_LINK_STATE_H
#define CONTROL_PEER_LINK_STATE_H

#include "control/peer.h"

/* UDP payload of the answer to a LINK_STATE. */
#define LINK_STATE_ACK_BYTES \
	frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_link_state_ack))

/* Tells the peer what is new, and what it has not acknowledged; returns when to come back. Behind
 * everything that changes paths.
 */
uint64_t peer_link_state_service(struct peer *peer, uint64_t now_ns);

/* HELLO shows that the peer takes LINK_STATE, or does not; @is_first of a session. */
void peer_exchange_link_state(struct peer *peer, bool is_wanted, bool is_first, uint64_t now_ns);

/* A LINK_STATE came in. False: it is not to be acknowledged. */
bool peer_take_link_state(struct peer *peer, const struct frame *f, uint64_t now_ns);
void peer_take_link_state_ack(struct peer *peer, const struct frame *f);

/* ---- steps, see the table of conductor.c ---- */

STEP(forget_link_state); /* the peer is another one */

#endif
