/* SPDX-License-Identifier: MIT */
/* peer_steps.h - the steps that the table in peer.c is made of: each does one thing to a peer because of
 * news (peer.h).
 *
 * A step may find that there is nothing to do, and may itself be the cause of news. Each is in the file of
 * its subject; those that tell people are in peer_told.h.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_STEPS_H
#define CONTROL_PEER_STEPS_H

#include "control/peer.h"

#define STEP(name) void name(struct peer *peer, const struct news *n)

/* ---- peer_session.c ---- */

STEP(publish_key);     /* of the session in use, to the data plane */
STEP(want_no_session); /* the data plane has one now, or will have none */
STEP(leave_session);   /* wipes all keypairs but one that the peer has begun and not used yet */
STEP(end_session);     /* wipes all keypairs; data is staged until there is a new one */

/* ---- peer_verdict.c ---- */

STEP(weigh_marker); /* of the session that began: plain, or perhaps not */
STEP(refuse_data);  /* of a peer that is not bonded, where bonding is required */
STEP(prove_key);    /* whatever comes first proves to the responder that we have the key */
STEP(order_packets);
STEP(follow_nobody);
STEP(be_plain);
STEP(send_no_lanes);
STEP(decide_plain);
STEP(assume_up); /* the path that is followed */

/* ---- peer_handshake.c ---- */

STEP(note_heard);
STEP(be_reachable);
STEP(be_unreachable);
STEP(abandon_attempt);
STEP(look_there);    /* where an address was found, unless there is a session or may be soon */
STEP(expect_return); /* of a peer that stopped, if it is ours to reach */

/* ---- peer_timers.c ---- */

STEP(break_silence);
STEP(keep_alive);
STEP(keep_alive_or_begin);
STEP(renew_key);
STEP(retry);
STEP(drop_what_waits);
STEP(try_later); /* if it is ours to reach */

/* ---- peer_paths.c, peer_probes.c, peer_links.c ---- */

STEP(settle);            /* a plain peer is where its handshake came from */
STEP(publish_paths);     /* and lets staged packets go */
STEP(doubt_paths);       /* of a bonded peer: whether they lead to it is to be seen */
STEP(forget_remote_ids); /* the peer numbers its paths anew */
STEP(fail_paths);        /* all */
STEP(lead_anew);         /* what was known of the address before */
STEP(follow_proved);     /* what the session uses may be of an earlier life */
STEP(free_path);
STEP(check_source);  /* of a path that is down */
STEP(forget_source); /* the system chooses it again */
STEP(rest_path);
STEP(fail_paths_of_link);
STEP(forget_paths_of_link); /* peer_paths.c */
STEP(look_elsewhere);
STEP(use_link_again);

#endif
