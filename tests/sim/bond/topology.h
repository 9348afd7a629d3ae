/* SPDX-License-Identifier: MIT */
/* topology.h - links drawn from a seed, what happens to them, and what goes over them.
 *
 * 2 to 6 links of 1 to 1000 Mbit/s and 1 to 150 ms, rates and delays even in the logarithm; some
 * with jitter, with loss, in bursts or not, with short or long queues, some as a cell; each with a
 * way back of its own. In two of five lives a link dies for a while, flaps, or changes its rate.
 */
#ifndef BOND_TOPOLOGY_H
#define BOND_TOPOLOGY_H

#include "life.h"
#include "scenarios.h"

struct topology {
	struct scenario links;
	enum flow_kind kind;
	unsigned flows;
	double mbytes;  /* of a download; 0: it goes on for ... */
	double seconds; /* ... so long, or the download ends by then */
	bool is_warm;   /* there was a connection before */
	bool has_cell;  /* one of the links is */
	double sum_mbps;
	char traffic[60], about[800];
};

struct topology topology_draw(uint64_t seed);

#endif
