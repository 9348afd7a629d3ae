/* SPDX-License-Identifier: MIT */
/* scenarios.h - the links between which tunnels are compared. Rates are Mbit/s away from the sender
 * of the data; back it is at most 20.
 */
#ifndef BOND_SCENARIOS_H
#define BOND_SCENARIOS_H

#include "pipe.h"

#define SCENARIO_LINKS   6u
#define SCENARIO_CHANGES 64u

enum change_kind {
	CHANGE_DIES,
	CHANGE_LIVES,
	CHANGE_RATE,
};

/* Something happens to a link, or to one direction of it. */
struct change {
	double at_s;
	enum change_kind kind;
	uint8_t link;
	uint8_t ways; /* 1 away from the sender, 2 back, 3 both */
	double mbps;
};

struct scenario {
	const char *name, *about;
	unsigned links;
	struct pipe_settings link[SCENARIO_LINKS];
	uint32_t rate_weight[SCENARIO_LINKS];
	bool is_cpu_bound;
	unsigned changes;
	struct change change[SCENARIO_CHANGES];
};

extern const struct scenario scenarios[];
extern const unsigned scenarios_len;

/* profiles.c */
extern const struct scenario profiles[];
extern const unsigned profiles_len;

#endif
