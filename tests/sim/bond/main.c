/* SPDX-License-Identifier: MIT */
/* bond: what a tunnel over several links gives those who use it, on a virtual clock. See README.md.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "events.h"
#include "host.h"
#include "life.h"

#define SEEDS_MAX 64u
#define FLOWS_MAX 8u

static const char *const flow_name[] = {"TCP", "QUIC", "BBR"};
static const char *const policy_name[] = {"best link", "weights 1:1", "weights = rates", "learned"};

static int by_steady(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	if (life.limit)
		return (x->done_s > y->done_s) - (x->done_s < y->done_s);
	return (x->steady > y->steady) - (x->steady < y->steady);
}

/* The median by what was reached. */
static struct result median(unsigned seeds, uint64_t first_seed)
{
	struct result r[SEEDS_MAX];

	for (unsigned i = 0; i < seeds; i++) {
		life.seed = first_seed + i;
		r[i] = live();
	}
	qsort(r, seeds, sizeof *r, by_steady);
	return r[seeds / 2];
}

static void print_header(void)
{
	printf("| links | policy | flows | 0..5 s | steady | voice p50 | p99 | lost | stall | "
	       "undone | "
	       "timeouts | repairs | control "
	       "|\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
}

static void print_row(const struct result *r)
{
	printf("| %s | %s | %u %s | %.1f %% | %.1f %% | %.1f | %.1f ms | %.0f | %.0f ms | %.0f | "
	       "%.0f | "
	       "%.0f | %.2f %% |\n",
	       life.what->about, policy_name[life.policy], life.flows, flow_name[life.kind],
	       r->early, r->steady, r->voice_p50, r->voice_p99, r->voice_lost, r->stall_ms,
	       r->spurious, r->timeouts, r->repairs, r->control);
	fflush(stdout);
}

static void print_lanes_header(void)
{
	printf("| links | flows | lanes | 0..5 s | steady | fairness | data p99 | 20 KB p50 | p99 "
	       "| "
	       "voice p99 | lost | held |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
}

static void print_lanes_row(const struct result *r)
{
	printf("| %s | %u %s | %u | %.1f %% | %.1f %% | %.3f | %.0f ms | %.0f ms | %.0f ms | %.1f "
	       "ms | %.0f | %.0f |\n",
	       life.what->about, life.flows, flow_name[life.kind], life.lanes, r->early, r->steady,
	       r->fairness, r->data_p99, r->short_p50, r->short_p99, r->voice_p99, r->voice_lost,
	       r->held);
	fflush(stdout);
}

/* A scenario with all policies asked for. */
static void run_scenario(unsigned policies, unsigned seeds, uint64_t seed)
{
	for (unsigned p = 0; p < POLICY_COUNT; p++) {
		if (!(policies >> p & 1))
			continue;
		life.policy = (enum policy)p;
		struct result r = median(seeds, seed);
		if (life.limit)
			printf("| %s | %s | %.2f s |\n", life.what->about, policy_name[p],
			       r.done_s);
		else if (life.shorts_per_s > 0)
			print_lanes_row(&r);
		else
			print_row(&r);
	}
}

static const struct option options[] = {
	{"only", required_argument, NULL, 'o'},   {"policies", required_argument, NULL, 'p'},
	{"flows", required_argument, NULL, 'f'},  {"quic", no_argument, NULL, 'q'},
	{"bbr", no_argument, NULL, 'b'},          {"seconds", required_argument, NULL, 's'},
	{"seeds", required_argument, NULL, 'n'},  {"seed", required_argument, NULL, 'S'},
	{"voice", required_argument, NULL, 'v'},  {"mbytes", required_argument, NULL, 'm'},
	{"trace", no_argument, NULL, 't'},        {"check", no_argument, NULL, 'c'},
	{"profiles", no_argument, NULL, 'P'},     {"lanes", required_argument, NULL, 'l'},
	{"shorts", required_argument, NULL, 'h'}, {NULL, 0, NULL, 0},
};

static struct {
	const char *only;
	bool is_profiles, is_check;
	unsigned policies, seeds;
	uint64_t seed;
} asked = {.policies = (1u << POLICY_COUNT) - 1, .seeds = 1, .seed = 1};

/* What is run. False: no such option. */
static bool ask(int c, const char *value)
{
	switch (c) {
	case 'o':
		asked.only = value;
		return true;
	case 'p':
		asked.policies = (unsigned)strtoul(value, NULL, 0);
		return true;
	case 'n':
		asked.seeds = MIN((unsigned)atoi(value), SEEDS_MAX);
		return true;
	case 'S':
		asked.seed = strtoull(value, NULL, 0);
		return true;
	case 'P':
		asked.is_profiles = true;
		return true;
	case 'c':
		asked.is_check = true;
		return true;
	default:
		return false;
	}
}

/* What it is like. False: no such option. */
static bool set(int c, const char *value)
{
	switch (c) {
	case 'f':
		life.flows = MIN((unsigned)atoi(value), FLOWS_MAX);
		return true;
	case 'q':
		life.kind = FLOW_QUIC;
		return true;
	case 'b':
		life.kind = FLOW_BBR;
		return true;
	case 's':
		life.seconds = atof(value);
		return true;
	case 'v':
		life.voice_per_s = atof(value);
		return true;
	case 'm':
		life.limit = (int64_t)(atof(value) * 1e6 / 1368);
		return true;
	case 'l':
		life.lanes = MAX(1, MIN((unsigned)atoi(value), HOST_LANES));
		return true;
	case 'h':
		life.shorts_per_s = atof(value);
		return true;
	case 't':
		life.is_traced = true;
		return true;
	default:
		return false;
	}
}

static void run_all(void)
{
	if (life.shorts_per_s > 0)
		print_lanes_header();
	else if (!life.limit)
		print_header();
	for (unsigned i = 0; i < scenarios_len + profiles_len; i++) {
		bool is_profile = i >= scenarios_len;

		life.what = is_profile ? &profiles[i - scenarios_len] : &scenarios[i];
		if (asked.only ? !strcmp(asked.only, life.what->name)
		               : is_profile == asked.is_profiles)
			run_scenario(asked.policies, asked.seeds, asked.seed);
	}
}

int main(int argc, char **argv)
{
	int c;

	life = (struct life_settings){
		.flows = 1, .lanes = 1, .only = -1, .seconds = 30, .from_s = 10, .voice_per_s = 50};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!ask(c, optarg) && !set(c, optarg))
			return 2;
	}
	if (asked.is_check)
		return check_all() ? 0 : 1;
	run_all();
	return 0;
}
