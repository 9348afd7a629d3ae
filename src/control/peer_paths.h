/* SPDX-License-Identifier: MIT */
/* peer_paths.h - where the paths of a peer lead, as the data plane is told.
 *
 * While the peer is not (yet) known to be vtrunkd there is one path that is followed. What a path
 * is and when it is proved: path.h. Which of them carry data: peer_table.h.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_PATHS_H
#define CONTROL_PEER_PATHS_H

#include "control/peer.h"

/* The path over which to speak to the peer now, or PATH_NONE. */
unsigned peer_path_to_speak(const struct peer *peer);

/* Whether the sockets of its link are there to send on. */
bool peer_path_can_leave(const struct peer *peer, const struct path *path);

/* A path with @route, of the configured endpoint with that index or heard of (-1): the one that
 * exists or a new one, nearly always without target yet. NULL when all places are taken by better
 * ones.
 */
struct path *peer_add_path(struct peer *peer, const struct route *route, int endpoint,
                           uint64_t now_ns);

/* An authentic handshake message of @bytes came over @route from a peer that may be a vtrunkd: the
 * path that leads there, or a candidate for one that is greeted and challenged. NULL as from
 * peer_add_path(), for a copy of the initiation also when nothing but candidates of it and paths
 * not yet down would have to give way.
 */
struct path *peer_add_origin(struct peer *peer, const struct route *route, size_t bytes,
                             uint64_t now_ns);

/* Publishes that @path leads to @route from now on, and begins to probe it. @why for people, when
 * it led elsewhere before; NULL: not worth a line.
 */
void peer_move_path(struct peer *peer, struct path *path, const struct route *route,
                    const char *why, uint64_t now_ns);

/* The same, because the peer was proved to be there. */
void peer_set_route(struct peer *peer, struct path *path, const struct route *route,
                    uint64_t now_ns);

/* Everything that is not bonded goes to @path from now on. */
void peer_follow(struct peer *peer, struct path *path, uint64_t now_ns);

/* Tells the data plane where a peer is that is not bonded. */
void peer_tell_followed(struct peer *peer);

/* The token that proves @route when it comes back from there. */
const uint8_t *peer_ask_path(struct peer *peer, struct path *path, const struct route *route);

/* A frame with a PROBE came from where no path is: asks for proof and then moves or adds one. Only
 * when paths_may_ask().
 */
void peer_heard_of(struct peer *peer, const struct route *route, uint8_t remote_id,
                   const struct batch *r, uint64_t now_ns);

/* A PATH_RESPONSE came over @route. */
void peer_take_path_response(struct peer *peer, const struct route *route,
                             const struct frame_path_challenge *f, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(settle);            /* a plain peer is where its handshake came from */
STEP(doubt_paths);       /* of a bonded peer: whether they lead to it is to be seen */
STEP(forget_remote_ids); /* the peer numbers its paths anew */
STEP(fail_paths);        /* all */
STEP(lead_anew);         /* what was known of the address before */
STEP(follow_proved);     /* what the session uses may be of an earlier life */
STEP(free_path);
STEP(forget_paths_of_link);
STEP(withdraw_paths_of_link); /* the data plane knows their targets no more ... */
STEP(lead_again);             /* ... until it does again */
STEP(forget_orphans);
STEP(follow_endpoint);   /* a plain peer that is nowhere is where its endpoint leads */
STEP(assume_up_on_link); /* a plain peer that was there is there again */

#endif
