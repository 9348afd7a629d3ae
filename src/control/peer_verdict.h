/* SPDX-License-Identifier: MIT */
/* peer_verdict.h - what it means for a peer that it is a vtrunkd, or is not: greetings, lanes, the
 * order of packets, which of its data is refused. How that is found out is verdict.h.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_VERDICT_H
#define CONTROL_PEER_VERDICT_H

#include "control/peer.h"

/* Greetings and verdicts that are due, and what is owed for want of memory; returns when to come
 * back.
 */
uint64_t peer_verdict_service(struct peer *peer, uint64_t now_ns);

/* A HELLO or its answer came. */
void peer_be_bonded(struct peer *peer, uint64_t now_ns);

/* Where bonding is required, data of a peer that is not bonded is. */
void peer_refuse_data(struct peer *peer);

/* Over the paths in @mask; returns those for which there was no memory. */
uint16_t peer_send_hellos(struct peer *peer, enum frame_type type, uint16_t mask);

/* Says something without content, where there is a session and a path; without memory, a little
 * later.
 */
void peer_send_keepalive(struct peer *peer);

/* Tells a bonded peer that we stop. */
void peer_say_goodbye(struct peer *peer);

/* ---- steps, see the table of conductor.c ---- */

STEP(weigh_marker); /* of the session that began: plain, or perhaps not */
STEP(refuse_data);  /* of a peer that is not bonded, where bonding is required */
STEP(prove_key);    /* whatever comes first proves to the responder that we have the key */
STEP(order_packets);
STEP(follow_nobody);
STEP(be_plain);
STEP(send_no_lanes);
STEP(decide_plain);
STEP(assume_up); /* the path that is followed */

#endif
