/* SPDX-License-Identifier: MIT */
/* answered.h - the newest handshake initiation that was accepted, and our response to it.
 *
 * A vtrunkd sends an initiation over every link, and any of them may be dead in our direction. So each
 * further copy of it gets the same response, to where it came from, until one has reached the initiator.
 * The copies would be replays to anything else; what they may cause is bounded: ANSWERED_COPIES_MAX
 * responses within ANSWERED_NS, each shorter than the copy.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_ANSWERED_H
#define CONTROL_ANSWERED_H

#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

#define ANSWERED_NS         REKEY_TIMEOUT /* then the initiator sends a new one */
#define ANSWERED_COPIES_MAX PATHS_MAX

/* All zero: nothing was answered. */
struct answered {
	uint8_t initiation[offsetof(struct message_initiation, macs)];
	struct message_response response; /* but for its MACs */
	uint64_t until_ns;
	unsigned copies; /* answered so far */
};

void answered_remember(struct answered *a, const struct message_initiation *msg,
                       const struct message_response *response, uint64_t now_ns);

/* The response that @msg, a copy of the initiation remembered but for its MACs, is to get; NULL when it is
 * none, comes too late, or enough were answered. Valid until answered_remember().
 */
const struct message_response *answered_copy(struct answered *a,
                                             const struct message_initiation *msg, uint64_t now_ns);

#endif
