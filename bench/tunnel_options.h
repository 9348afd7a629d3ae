/* SPDX-License-Identifier: MIT */
/* tunnel_options.h - the options of `vtbench tunnel`, made into a plan of what to measure. */
#ifndef BENCH_TUNNEL_OPTIONS_H
#define BENCH_TUNNEL_OPTIONS_H

#include <limits.h>

#include "bench/options.h"
#include "bench/tunnel_test.h"
#include "bench/variant.h"

#define TUNNEL_VARIANTS_MAX 16u
#define TUNNEL_RUNS_MAX     100u

struct tunnel_plan {
	struct common_options common;
	struct variant variants[TUNNEL_VARIANTS_MAX]; /* ours first */
	unsigned variant_count;
	unsigned baseline; /* the variant that all are compared with */
	bool tests[TUNNEL_TEST_COUNT];
	unsigned seconds, runs;
	struct tunnel_programs programs;
	char vtrunkd_found[PATH_MAX]; /* what programs.vtrunkd points to by default */
};

/* Returns OPTIONS_RUN, or the exit status to end with, after help or a message; then too
 * tunnel_plan_fini() is due.
 */
int tunnel_plan_init(struct tunnel_plan *plan, int argc, char **argv);
void tunnel_plan_fini(struct tunnel_plan *plan);

#endif
