/* SPDX-License-Identifier: MIT */
/* answered.h - the newest handshake initiation of a peer that was accepted, and our response to it.
 *
 * A vtrunkd sends an initiation over every link, and any of them may be dead in our direction. So
 * each further copy of it gets the same response, to where it came from, until one has reached the
 * initiator. The copies would be replays to anything else; what they may cause is bounded:
 * ANSWERED_COPIES_MAX responses within ANSWERED_NS, each shorter than the copy. Any other is new
 * enough by its time stamp, or refused; what is refused as much too old may be so because a clock
 * was set back, which people have to be told.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_ANSWERED_H
#define CONTROL_ANSWERED_H

#include <stdbool.h>
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

	uint8_t timestamp[TAI64N_LEN]; /* of the newest initiation accepted */
	uint64_t accepted_ns;          /* when that was; 0 never */
	uint64_t stale;     /* refused since: authentic, but of an older time than the newest */
	int64_t stale_by_s; /* by how much the last of them was older */
};

/* New enough, and not one of a flood of replays or of a peer run wild. */
bool answered_is_newer(const struct answered *a, const uint8_t timestamp[static TAI64N_LEN],
                       uint64_t now_ns);

/* The initiation with @timestamp is accepted. */
void answered_accept(struct answered *a, const uint8_t timestamp[static TAI64N_LEN],
                     uint64_t now_ns);

/* It is refused for its @timestamp. True, and counted, when that is so much older than the newest
 * that it is no late copy: its sender's clock was set back, or somebody replays it.
 */
bool answered_refuse(struct answered *a, const uint8_t timestamp[static TAI64N_LEN]);

/* The one accepted was answered with @response. */
void answered_remember(struct answered *a, const struct message_initiation *msg,
                       const struct message_response *response, uint64_t now_ns);

/* Nothing was answered, as far as copies go. */
void answered_forget(struct answered *a);

/* The response that @msg, a copy of the initiation remembered but for its MACs, is to get; NULL
 * when it is none, comes too late, or enough were answered. Valid until answered_remember().
 */
const struct message_response *answered_copy(struct answered *a,
                                             const struct message_initiation *msg, uint64_t now_ns);

#endif
