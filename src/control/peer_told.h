/* SPDX-License-Identifier: MIT */
/* peer_told.h - what is said about a peer: every line that the log has about one, once, each a step
 * of the table in conductor.c.
 *
 * Lines of level info that the peer can cause go through peer_log(), which holds them back when
 * there are too many; of those that say the same again and again for other reasons each kind has a
 * limit of its own. A line begins with "peer=NAME", tells the cause and what happens next.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_TOLD_H
#define CONTROL_PEER_TOLD_H

#include "control/peer.h"

/* A line of level info that the peer can cause, by what it sends or does not send: at most 20 at
 * once and one per second, and the next one tells how many were held back.
 */
void peer_log(struct peer *peer, uint64_t now_ns, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

STEP(tell_session);
STEP(tell_no_session);
STEP(tell_bonded);
STEP(tell_plain);
STEP(tell_no_order);
STEP(tell_restarted);
STEP(tell_goodbye);
STEP(tell_sent);
STEP(tell_extended);
STEP(tell_answered);
STEP(tell_answered_copy);
STEP(tell_stale);
STEP(tell_answered_twice);
STEP(tell_unanswered);
STEP(tell_gave_up);
STEP(tell_silent);
STEP(tell_keys_old);
STEP(tell_no_address);
STEP(tell_addresses_kept);
STEP(tell_no_path);
STEP(tell_path_state);
STEP(tell_path_answers);
STEP(tell_path_moved);
STEP(tell_path_proved);
STEP(tell_path_forgotten);
STEP(tell_path_refused);
STEP(tell_path_rests);
STEP(tell_path_doubted);
STEP(tell_path_mtu);
STEP(tell_path_shares);
STEP(tell_source);
STEP(tell_trains);

#endif
