/* SPDX-License-Identifier: MIT */
/* world.h - some nodes on a network, the packets between them, and the rules that hold whatever
 * happens.
 *
 * world_run() lets time pass, from event to event: a datagram arrives, a deadline comes, a packet
 * is to be sent. After each event the rules are looked at (rules.h). The first that is broken ends
 * the world.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "network.h"
#include "node.h"
#include "rules.h"
#include "traffic.h"

#define WORLD_NODES_MAX RULES_NODES_MAX

struct world {
	uint64_t seed;
	struct net net;
	struct node node[WORLD_NODES_MAX];
	unsigned node_count;
	struct traffic traffic;
	struct rules rules;
	uint64_t events;
	bool is_broken;
	char why[512]; /* the rule that is broken */
};

void world_init(struct world *world, uint64_t seed);

/* All nodes end, with nothing left of them that is not theirs. */
void world_end(struct world *world);

void world_fini(struct world *world);

/* The next node; its configuration is the caller's to fill in. */
struct node *world_add(struct world *world, const char *name);

/* Lets @ns pass. False when a rule is broken. */
bool world_run(struct world *world, uint64_t ns);

/* The first one counts. */
void world_break(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline struct world *world_of(const struct node *node)
{
	return node->context;
}

#endif
