/* SPDX-License-Identifier: MIT */
/* publish.h - what control publishes for the threads of the data plane to read: peers, their
 * keypair, path table and path targets, the allowed IPs, the rules for classes of traffic.
 *
 * Each takes effect at once for whoever looks next; what it replaces is retired by RCU. Control.
 */
#ifndef DATAPLANE_PUBLISH_H
#define DATAPLANE_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

struct allowedips;
struct dp_peer;
struct engine;
struct keypair;
struct path_table;
struct route;
struct traffic_rules;

/* A peer that the threads know as soon as it is in a table; @control is the caller's object. One
 * reference, the caller's. NULL without memory.
 */
struct dp_peer *engine_create_peer(struct engine *engine, void *control);

/* Takes over @table and retires the old one. */
void engine_publish_allowedips(struct engine *engine, struct allowedips *table);

/* How classes of traffic are treated from now on; NULL: as without rules. Takes over @rules and
 * retires the old ones.
 */
void engine_publish_rules(struct engine *engine, struct traffic_rules *rules);

/* Takes over a reference of @kp (NULL: no session) and puts the old one. */
void engine_publish_keypair(struct dp_peer *peer, struct keypair *kp);

/* Takes over @table and retires the old one. */
void engine_publish_paths(struct dp_peer *peer, struct path_table *table);

/* Where path @path_id leads from now on; NULL frees the slot. Returns 0 or -ENOMEM. */
int engine_publish_target(struct dp_peer *peer, unsigned path_id, const struct route *route);

/* Somebody who may lie or be mistaken said at @at_ns that path @path_id leads nowhere: others take
 * what they can until that is refuted. Takes effect at the next turn of the peer's outflow.
 */
void engine_doubt_path(struct dp_peer *peer, unsigned path_id, uint64_t at_ns);

/* Whether the peer takes and gives reports of what arrived (feedback.h) from now on. Returns 0 or
 * -ENOMEM: then there are none.
 */
int engine_exchange_reports(struct dp_peer *peer, bool is_wanted);

/* Gives a peer the memory to put striped packets in order. Once; 0 or -ENOMEM. */
int engine_enable_reorder(struct dp_peer *peer);

#endif
