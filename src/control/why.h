/* SPDX-License-Identifier: MIT */
/* why.h - all that is known of why a peer's paths got what they got, for explain.h.
 *
 * One thread (control).
 */
#ifndef CONTROL_WHY_H
#define CONTROL_WHY_H

#include "control/explained.h"
#include "control/peer.h"

/* Points into @peer. */
void why_of(struct explained *ret, const struct peer *peer, uint64_t now_ns);

#endif
