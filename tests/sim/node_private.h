/* SPDX-License-Identifier: MIT */
/* node_private.h - a daemon as its parts see it: node.c, what it is made of and what comes to it;
 * node_out.c, what comes from its TUN device; node_change.c, its links and peers.
 */
#ifndef SIM_NODE_PRIVATE_H
#define SIM_NODE_PRIVATE_H

#include "node.h"

/* The daemon runs, from here to the other call; what follows from it is done at the end. */
struct sim_host *node_enter(struct node *node);
void node_leave(struct node *node, struct sim_host *before);

/* node_change.c: links and peers are made, when all else is there; they end, before all else. */
void node_begin(struct node *node);
void node_end(struct node *node);

/* node_change.c: the first thing that is wrong counts; NULL is nothing. */
void node_blame(struct node *node, const char *wrong);

/* node_out.c: what waits for a session or a path is tried again. */
void node_send_staged(struct node *node);

/* node_out.c: what waits for @peer is dropped. */
void node_drop_staged(struct node *node, const struct peer *peer);

#endif
