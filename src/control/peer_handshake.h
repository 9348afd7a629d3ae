/* SPDX-License-Identifier: MIT */
/* peer_handshake.h - handshakes of a peer: where its messages go, and what those mean that come in.
 *
 * An initiation goes over every path that may work, the same bytes but for MAC2, since a cookie is
 * bound to the address the other side sees. Copies leave spaced or together, see handshake.h. The
 * responder makes one session of it and sends its response to the origin of every copy
 * (answered.h), since the link of the first may be dead in that direction; the response that comes
 * first wins.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_HANDSHAKE_H
#define CONTROL_PEER_HANDSHAKE_H

#include "control/peer.h"

/* Sends an initiation over the fitting paths unless one was sent less than REKEY_TIMEOUT ago, in
 * which case it is put off until then. @is_retry continues a series, else a new one begins. True
 * when one was sent; else handshake.retry_ns lies ahead.
 */
bool peer_initiate(struct peer *peer, bool is_retry, uint64_t now_ns);

/* Sends the pending initiation, if any, over the fitting paths that it has not left on yet: one
 * that has just been opened need not wait for the next retry.
 */
void peer_extend_initiation(struct peer *peer, uint64_t now_ns);

/* When peer_extend_initiation() has another copy to send; NEVER_NS: there is no other path for it
 * now.
 */
uint64_t peer_next_copy_ns(const struct peer *peer, uint64_t now_ns);

/* An initiation that proved its sender. False when it is too old to mean anything; else there may
 * be more to do for the peer, as peer_service() does it.
 */
bool peer_take_initiation(struct peer *peer, struct noise_initiation *init,
                          const struct message_initiation *msg,
                          const uint8_t timestamp[static TAI64N_LEN], const struct route *route,
                          uint64_t now_ns);

/* The response to our pending initiation, MACs checked. False when it is forged; else as above. */
bool peer_take_response(struct peer *peer, const struct message_response *msg,
                        const struct route *route, uint64_t now_ns);

/* Another response to the initiation that has made @kp, MACs checked: no proof of anything, for the
 * keys that would tell are gone. False when it means nothing; else as above.
 */
bool peer_take_other_response(struct peer *peer, const struct keypair *kp, uint64_t now_ns);

/* False when it answers nothing that was sent. */
bool peer_take_cookie(struct peer *peer, const struct message_cookie_reply *msg,
                      const struct route *route, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(note_heard);
STEP(be_reachable);
STEP(be_unreachable);
STEP(abandon_attempt);
STEP(look_there);    /* where an address was found, unless there is a session or may be soon */
STEP(expect_return); /* of a peer that stopped, if it is ours to reach */
STEP(look_elsewhere);
STEP(forget_answer); /* copies of the newest initiation get it no more */
STEP(begin_anew);    /* a session, beside the one there may be */

#endif
