/* SPDX-License-Identifier: MIT */
/* peer_mtu.h - how long packets may be on each path of a bonded peer: sends the probes that find it
 * out (sched/pmtu.h) and has data keep to it.
 *
 * Only paths that carry data are probed: so a probe never goes to an address that is not proved.
 * The peer has to have said that it answers such probes.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_MTU_H
#define CONTROL_PEER_MTU_H

#include "control/peer.h"

/* The peer says whether it answers probes of a path's MTU. */
void peer_heed_mtu(struct peer *peer, bool is_wanted, uint64_t now_ns);

/* Probe @seq of the MTU of @path was answered. */
void peer_take_mtu_answer(struct peer *peer, struct path *path, uint16_t seq, uint64_t now_ns);

/* The system refused one as too long, which the data plane has noted. */
void peer_take_mtu_refusal(struct peer *peer, struct path *path, uint64_t now_ns);

/* What is due for @path; returns when to come back. */
uint64_t peer_mtu_service(struct peer *peer, struct path *path, uint64_t now_ns);

STEP(forget_mtus); /* of all its paths: it answers no probes */
STEP(forget_mtu);  /* the path leads elsewhere */
STEP(keep_to_mtu);

#endif
