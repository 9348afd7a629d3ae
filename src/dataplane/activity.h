/* SPDX-License-Identifier: MIT */
/* activity.h - bookkeeping for a peer's timers (whitepaper 6): when it was sent to and heard of.
 *
 * Two times say since when data was sent without anything heard, and heard without anything sent.
 * Control, whose timers they are, is told only when one of them begins and it does not look anyway
 * (dp_peer.timers_armed). Any thread, RCU registered; two at a time cost no more than a timer that
 * begins a packet later.
 */
#ifndef DATAPLANE_ACTIVITY_H
#define DATAPLANE_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/peer.h"

/* Authentic packets were sent or heard at @now_ns (boot time); @is_data when an IP packet was among
 * them.
 */
void dp_peer_sent(struct dp_peer *peer, bool is_data, uint64_t now_ns);
void dp_peer_heard(struct dp_peer *peer, bool is_data, uint64_t now_ns);

/* Asks control for a session, once: it clears the wish when the attempt has ended either way. */
void dp_peer_want_session(struct dp_peer *peer);

#endif
