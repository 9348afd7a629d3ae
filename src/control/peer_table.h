/* SPDX-License-Identifier: MIT */
/* peer_table.h - which paths of a peer carry data, as the data plane is told.
 *
 * To a plain peer that is the one where it is followed. With a bonded peer those that answer make
 * up the table that the dispatcher shares data among, by what both ends want of each
 * (sched/link_wishes.h) and say of it (link_state_in.h).
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_TABLE_H
#define CONTROL_PEER_TABLE_H

#include "control/peer.h"
#include "sched/path_choice.h"

/* What the choice of paths that carry data goes by, as things stand. */
struct path_choice peer_path_choice(const struct peer *peer);

/* What both ends want of @path. */
struct link_wishes peer_path_wishes(const struct peer *peer, const struct path *path);

/* What limits @path at one of its ends, LIMIT_OURS or LIMIT_THEIRS. */
struct path_limit peer_path_limit(const struct peer *peer, const struct path *path, unsigned end);

/* Publishes another table if it is another one now, and lets staged packets go. */
void peer_publish_paths(struct peer *peer, uint64_t now_ns);

/* The same, and the peer is told what we want: weights, roles or the mode are others. */
void peer_share_anew(struct peer *peer, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(publish_paths); /* and lets staged packets go */

#endif
