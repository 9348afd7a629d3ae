/* SPDX-License-Identifier: MIT */
/* node_private.h - a daemon as its parts see it: node.c, from its start to its end and what comes
 * to it; node_out.c, what comes from its TUN device.
 */
#ifndef SIM_NODE_PRIVATE_H
#define SIM_NODE_PRIVATE_H

#include "node.h"

/* The daemon runs, from here to the other call; what follows from it is done at the end. */
struct sim_host *node_enter(struct node *node);
void node_leave(struct node *node, struct sim_host *before);

/* node_out.c: what waits for a session or a path is tried again. */
void node_send_staged(struct node *node);

/* node_out.c: what waits for @peer is dropped. */
void node_drop_staged(struct node *node, const struct peer *peer);

#endif
