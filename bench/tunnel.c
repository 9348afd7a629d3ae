/* SPDX-License-Identifier: MIT */
/* tunnel.c - `vtbench tunnel`: whole tunnels between two namespaces, beside other programs in the
 * same run.
 *
 * For each test, for each run, the variants take turns: a tunnel is made, measured once and
 * removed. So the machine's moods meet all variants alike, and ratios are of neighbours in time.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/quantile.h"
#include "bench/report.h"
#include "bench/tunnel_options.h"
#include "bench/udp_flood.h"
#include "bench/vtbench.h"
#include "bench/vtrunkd_config.h"
#include "bench/wait.h"

static const char *const labels[] = {"variant", "links", "test", "direction", NULL};

/* In the order of enum figure; then the ratios. */
static const struct report_metric metrics[] = {
	{"gbps", "Gbit/s", 2, false},
	{"cpu_s_per_gb", "CPU s/GB", 2, true},
	{"kpps", "kpps", 1, false},
	{"cpu_ns_per_packet", "CPU ns/pkt", 0, true},
	{"loss_percent", "loss %", 2, true},
	{"rtt_us_median", "RTT us", 1, true},
	{"rtt_us_p99", "p99 us", 1, true},
	{"cpu_s_per_s", "CPU s/s", 5, true},
	{"rss_mib", "RSS MiB", 1, true},
	{"ratio", "ratio", 2, .is_spread = true},
	{"ratio_min", "min", 2, .is_spread = true},
	{"ratio_max", "max", 2, .is_spread = true},
	{0},
};
enum {
	METRIC_RATIO = FIGURE_COUNT,
	METRIC_RATIO_MIN,
	METRIC_RATIO_MAX,
	METRIC_COUNT,
};
_Static_assert(sizeof metrics / sizeof *metrics == METRIC_COUNT + 1, "a title for each metric");

struct measurement {
	struct figures rows[TUNNEL_TEST_ROWS_MAX];
};

struct bench {
	const struct tunnel_plan *plan;
	struct testbed bed;
	struct report *report;
	struct measurement done[TUNNEL_VARIANTS_MAX][TUNNEL_RUNS_MAX]; /* of the present test */
	bool is_given_up[TUNNEL_VARIANTS_MAX]; /* for all tests: no tunnel */
	bool has_failed[TUNNEL_VARIANTS_MAX];  /* the present test */
	unsigned finished, planned;            /* measurements */
	bool is_incomplete;
};

/* ---- one measurement ---- */

static const char *reason(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "no answer in time";
	case -ECHILD:
		return "the program ended";
	case -EREMOTEIO:
		return "a program failed";
	default:
		return strerror(-err);
	}
}

static void clear(struct measurement *m)
{
	for (unsigned row = 0; row < TUNNEL_TEST_ROWS_MAX; row++)
		for (unsigned figure = 0; figure < FIGURE_COUNT; figure++)
			m->rows[row].value[figure] = NAN;
}

/* Returns 0 also when it failed and was noted; -EINTR. */
static int measure_once(struct bench *bench, const struct tunnel_test *test, unsigned variant,
                        unsigned run)
{
	const struct tunnel_plan *plan = bench->plan;
	const char *name = plan->variants[variant].name;
	struct measurement *m = &bench->done[variant][run];
	struct tunnel_pair pair;

	testbed_clear_log(&bench->bed);
	int err = tunnel_pair_start(&bench->bed, &plan->variants[variant], &plan->programs, &pair);
	if (!err) {
		err = tunnel_test_run(test, &pair, plan->seconds, m->rows);
		tunnel_pair_stop(&pair);
	} else if (err != -EINTR) {
		bench->is_given_up[variant] = true;
	}
	if (!err || err == -EINTR)
		return err;
	clear(m);
	bench->has_failed[variant] = true;
	bench->is_incomplete = true;
	report_progress(bench->report, 0, 0, NULL);
	testbed_show_log(&bench->bed);
	if (bench->is_given_up[variant])
		report_note(bench->report, "%s, from %s run %u on: no tunnel, %s", name, test->name,
		            run + 1, reason(err));
	else
		report_note(bench->report, "%s %s, from run %u on: %s", name, test->name, run + 1,
		            reason(err));
	return 0;
}

/* An idle "none" has nothing to show. */
static bool is_due(const struct bench *bench, const struct tunnel_test *test, unsigned variant)
{
	return !bench->is_given_up[variant] && !bench->has_failed[variant] &&
	       !(bench->plan->variants[variant].kind == VARIANT_NONE &&
	         test->compared == FIGURE_CPU_S_PER_S);
}

static int take_turns(struct bench *bench, const struct tunnel_test *test, unsigned run)
{
	const struct tunnel_plan *plan = bench->plan;

	for (unsigned v = 0; v < plan->variant_count; v++, bench->finished++) {
		char what[96];

		clear(&bench->done[v][run]);
		if (!is_due(bench, test, v))
			continue;
		snprintf(what, sizeof what, "%s %s, run %u", plan->variants[v].name, test->name,
		         run + 1);
		report_progress(bench->report, bench->finished, bench->planned, what);
		int err = measure_once(bench, test, v, run);
		if (err)
			return err;
	}
	return 0;
}

/* ---- rows ---- */

/* Over the runs of this test. */
static double median_of(const struct bench *bench, unsigned variant, unsigned row, unsigned figure)
{
	double values[TUNNEL_RUNS_MAX];

	for (unsigned run = 0; run < bench->plan->runs; run++)
		values[run] = bench->done[variant][run].rows[row].value[figure];
	return quantile(values, bench->plan->runs, 0.5);
}

/* Of each run's figure to the baseline's in the same run. */
static void set_ratios(const struct bench *bench, unsigned variant, unsigned row,
                       enum figure compared, double *values)
{
	double ratios[TUNNEL_RUNS_MAX];
	unsigned baseline = bench->plan->baseline, runs = bench->plan->runs;

	for (unsigned run = 0; run < runs; run++) {
		double theirs = bench->done[baseline][run].rows[row].value[compared];

		ratios[run] = variant != baseline && theirs > 0
		                      ? bench->done[variant][run].rows[row].value[compared] / theirs
		                      : NAN;
	}
	values[METRIC_RATIO] = quantile(ratios, runs, 0.5);
	values[METRIC_RATIO_MIN] = quantile(ratios, runs, 0);
	values[METRIC_RATIO_MAX] = quantile(ratios, runs, 1);
}

static void report_row(struct bench *bench, const struct tunnel_test *test, unsigned variant,
                       unsigned row)
{
	const struct variant *v = &bench->plan->variants[variant];
	double values[METRIC_COUNT];
	bool is_empty = true;
	char links[12];

	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) {
		values[figure] = median_of(bench, variant, row, figure);
		is_empty = is_empty && isnan(values[figure]);
	}
	if (is_empty)
		return;
	set_ratios(bench, variant, row, test->compared, values);
	snprintf(links, sizeof links, "%u", v->links);
	report_add(bench->report, (const char *const[]){v->name, links, test->name, test->row[row]},
	           values);
}

/* Returns 0 or -EINTR. */
static int run_test(struct bench *bench, const struct tunnel_test *test)
{
	memset(bench->has_failed, 0, sizeof bench->has_failed);
	for (unsigned run = 0; run < bench->plan->runs; run++) {
		int err = take_turns(bench, test, run);
		if (err)
			return err;
	}
	for (unsigned row = 0; row < TUNNEL_TEST_ROWS_MAX && test->row[row]; row++)
		for (unsigned v = 0; v < bench->plan->variant_count; v++)
			report_row(bench, test, v, row);
	return 0;
}

/* ---- all ---- */

static void count_measurements(struct bench *bench)
{
	for (unsigned i = 0; i < TUNNEL_TEST_COUNT; i++)
		if (bench->plan->tests[i])
			bench->planned += bench->plan->runs * bench->plan->variant_count;
}

static void note_method(struct bench *bench)
{
	const struct tunnel_plan *plan = bench->plan;

	report_note(
		bench->report,
		"both ends and the load on this machine; medians of %u run(s) of %u s; tunnel MTU "
		"%d; udp64: IPv4 packets of 64 bytes, 36 of them payload",
		plan->runs, plan->seconds, 1420);
	if (plan->variant_count > 1)
		report_note(bench->report, "ratio: to %s in the same run",
		            plan->variants[plan->baseline].name);
}

/* Returns 0, -EINTR, or -EREMOTEIO after a message. */
static int run_tests(struct bench *bench)
{
	unsigned links = 1;
	int err;

	for (unsigned v = 0; v < bench->plan->variant_count; v++)
		if (bench->plan->variants[v].links > links)
			links = bench->plan->variants[v].links;
	count_measurements(bench);
	err = testbed_create(&bench->bed, links);
	if (err && err != -EINTR) {
		testbed_show_log(&bench->bed);
		fprintf(stderr, "vtbench: cannot make network namespaces: %s\n", reason(err));
		err = -EREMOTEIO;
	}
	for (unsigned i = 0; !err && i < TUNNEL_TEST_COUNT; i++)
		if (bench->plan->tests[i])
			err = run_test(bench, &tunnel_tests[i]);
	testbed_destroy(&bench->bed);
	return err;
}

/* What the first test is about. */
static enum figure figure_plotted(const struct tunnel_plan *plan)
{
	unsigned i = 0;

	while (i < TUNNEL_TEST_COUNT - 1 && !plan->tests[i])
		i++;
	return tunnel_tests[i].compared;
}

static int measure_and_report(struct bench *bench)
{
	const struct common_options *common = &bench->plan->common;
	int err = wait_init();

	if (err) {
		fprintf(stderr, "vtbench: cannot wait for signals: %s\n", strerror(-err));
		return VTBENCH_FAILED;
	}
	bench->report = options_report(common, "tunnel", labels, metrics);
	err = run_tests(bench);
	int signal_number = wait_signal();
	wait_fini();
	if (err) {
		report_progress(bench->report, 0, 0, NULL);
		report_destroy(bench->report);
		return signal_number ? 128 + signal_number : VTBENCH_FAILED;
	}
	note_method(bench);
	int status = options_finish(bench->report, common, "test",
	                            metrics[figure_plotted(bench->plan)].name);
	return bench->is_incomplete ? VTBENCH_FAILED : status;
}

/* What every measurement needs. False after a message. */
static bool can_run(const struct tunnel_plan *plan)
{
	if (geteuid() != 0) {
		fputs("vtbench: tunnel makes network namespaces and so needs root\n", stderr);
		return false;
	}
	if (!process_can_run("ip")) {
		fputs("vtbench: tunnel needs the program ip (iproute2)\n", stderr);
		return false;
	}
	if (!process_can_run(plan->programs.vtrunkd)) {
		fprintf(stderr, "vtbench: cannot run %s; --vtrunkd tells where it is\n",
		        plan->programs.vtrunkd);
		return false;
	}
	return true;
}

int tunnel_main(int argc, char **argv)
{
	static struct tunnel_plan plan;
	int status = tunnel_plan_init(&plan, argc, argv);

	if (status == OPTIONS_RUN) {
		struct bench *bench = can_run(&plan) ? calloc(1, sizeof *bench) : NULL;

		status = VTBENCH_FAILED;
		if (bench) {
			bench->plan = &plan;
			status = measure_and_report(bench);
		}
		free(bench);
	}
	tunnel_plan_fini(&plan);
	return status;
}
