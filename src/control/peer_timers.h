/* SPDX-License-Identifier: MIT */
/* peer_timers.h - what it means for a peer that one of its timers is due (timers.h).
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_TIMERS_H
#define CONTROL_PEER_TIMERS_H

#include "control/peer.h"

/* Serves those that are due; returns when they want to be asked again. */
uint64_t peer_timers_service(struct peer *peer, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(break_silence);
STEP(keep_alive);
STEP(keep_alive_or_begin);
STEP(renew_key);
STEP(retry);
STEP(drop_what_waits);
STEP(try_later); /* if it is ours to reach */

#endif
