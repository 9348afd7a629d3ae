/* SPDX-License-Identifier: MIT */
/* life.h - a life drawn from a seed, as main.c lives many. There are two kinds, each a program:
 *
 * life.c: the life of a session, of a client, a gateway, sometimes a twin of the client with the
 * same key, and what happens to them. pair_life.c: the life of data between a sender and a receiver
 * (pair.h).
 *
 * A life of a session is a row of episodes. In each, some disturbances go on for a while; then
 * the network is healed, wholly or so that at least one link works both ways, and within a bounded
 * time the tunnel has to work again, over every path that can: that is what "a session is used"
 * means here. The rules of rules.h hold all along.
 */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a life came to. */
struct life_result {
	bool is_broken;
	char why[512];
	uint64_t lived_ns; /* virtual time */
	uint64_t events;
	uint64_t made;       /* sessions, or packets that came: life_makes says which */
	uint64_t settled_ns; /* the longest time that it took to work again */
};

extern const char *const life_makes;

/* Once per process. */
void life_prepare(void);

/* @story, if not NULL, is told what happens. */
struct life_result life_live(uint64_t seed, FILE *story);

#endif
