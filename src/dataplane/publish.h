/* SPDX-License-Identifier: MIT */
/* publish.h - what control publishes for the threads of the data plane to read: peers, their
 * keypair, path table and path targets, the allowed IPs.
 *
 * Each takes effect at once for whoever looks next; what it replaces is retired by RCU. Control.
 */
#ifndef DATAPLANE_PUBLISH_H
#define DATAPLANE_PUBLISH_H

struct allowedips;
struct dp_peer;
struct engine;
struct keypair;
struct path_table;
struct route;

/* A peer that the threads know as soon as it is in a table; @control is the caller's object. One
 * reference, the caller's. NULL without memory.
 */
struct dp_peer *engine_create_peer(struct engine *engine, void *control);

/* Takes over @table and retires the old one. */
void engine_publish_allowedips(struct engine *engine, struct allowedips *table);

/* Takes over a reference of @kp (NULL: no session) and puts the old one. */
void engine_publish_keypair(struct dp_peer *peer, struct keypair *kp);

/* Takes over @table and retires the old one. */
void engine_publish_paths(struct dp_peer *peer, struct path_table *table);

/* Where path @path_id leads from now on; NULL frees the slot. Returns 0 or -ENOMEM. */
int engine_publish_target(struct dp_peer *peer, unsigned path_id, const struct route *route);

/* Gives a peer the memory to put striped packets in order. Once; 0 or -ENOMEM. */
int engine_enable_reorder(struct dp_peer *peer);

#endif
