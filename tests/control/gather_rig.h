/* SPDX-License-Identifier: MIT */
/* gather_rig.h - what facts are gathered from: two links and one peer, filled in by the test, in an
 * engine that does not run. Time is NOW.
 */
#ifndef TESTS_CONTROL_GATHER_RIG_H
#define TESTS_CONTROL_GATHER_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/rcu.h"
#include "control/control.h"
#include "control/gather.h"

#define NOW (1000 * NS_PER_S)

extern struct gather_rig {
	struct control control;
	struct desired config;
	struct desired_link config_link[2];
	struct prefix allowed[2];
	struct peer peer, *peers[1];
	struct noise_identity identity;
	uint64_t turn_ns;    /* after NOW: the time of the next turn */
	unsigned answers;    /* of the gathering */
	struct facts *facts; /* the last one; who asked frees it */
} gather;

/* For the .init and .fini of a suite. Nothing is known of the links but the configuration, and the
 * peer has no paths.
 */
void gather_rig_start(void);
void gather_rig_stop(void);

void begin_gathering(void);

/* Turns of the loop until there is an answer; returns how many. */
unsigned turn_until_gathered(void);

struct endpoint endpoint(const char *text);

/* Something of everything. */
void fill_links(void);
void fill_path(unsigned id, unsigned link, const char *remote);
void fill_peer(void);

#endif
