/* SPDX-License-Identifier: MIT */
/* reply_budget.h - what a datagram of a peer may cause to be sent.
 *
 * One answer to each type of frame, all of them together no longer than the datagram itself, and so
 * many per second and peer: honest ones need few (docs/protocol.md).
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_REPLY_BUDGET_H
#define CONTROL_REPLY_BUDGET_H

#include "base/bucket.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

/* Frames that honest peers cause: HELLO over each of their paths, and four PATH_CHALLENGE per
 * second.
 */
#define REPLY_NS      (NS_PER_S / 40)
#define REPLIES_BURST 40u

/* Of one datagram. */
struct reply_budget {
	unsigned bytes;     /* UDP payload left of what may be sent because of it */
	uint32_t has_reply; /* a bit for each type of frame of which one was answered */
};

/* Takes @bytes for the answer to a frame of @type, out of @replies, the peer's own: all zero at
 * first. False when they are not there: then nothing was taken.
 */
bool reply_budget_take(struct reply_budget *b, struct bucket *replies, enum frame_type type,
                       unsigned bytes, uint64_t now_ns);

#endif
