/* SPDX-License-Identifier: MIT */
/* life.h - the life of a session, drawn from a seed: a client, a gateway, sometimes a twin of the
 * client with the same key, and what happens to them.
 *
 * A life is a row of episodes. In each, some disturbances (enum trouble) go on for a while; then
 * the network is healed, wholly or so that at least one link works both ways, and within a bounded
 * time the tunnel has to work again, over every path that can: that is what "a session is used"
 * means here. The rules of rules.h hold all along.
 */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "world.h"

/* What a life came to. */
struct life_result {
	bool is_broken;
	char why[512];
	uint64_t lived_ns; /* virtual time */
	uint64_t events;
	uint64_t handshakes; /* sessions made, by all nodes */
	uint64_t settled_ns; /* the longest time that it took to work again */
};

/* Once per process. */
void life_prepare(void);

/* @story, if not NULL, is told what happens. */
struct life_result life_live(uint64_t seed, FILE *story);

#endif
