/* SPDX-License-Identifier: MIT */
/* peer_frames.h - what the frames that come from a peer mean for it (docs/protocol.md), and what is
 * answered.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_FRAMES_H
#define CONTROL_PEER_FRAMES_H

#include "control/peer.h"

/* Frames that came in; @r is the notice. */
void peer_take_notice(struct peer *peer, const struct batch *r, uint64_t now_ns);

/* Answers to our probes and the peer's own, on every path of @peer, since the last call. */
void peer_take_signs(struct peer *peer, uint64_t now_ns);

#endif
