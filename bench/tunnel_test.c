/* SPDX-License-Identifier: MIT */
#include "bench/tunnel_test.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/echo.h"
#include "bench/iperf.h"
#include "bench/quantile.h"
#include "bench/udp_flood.h"
#include "bench/wait.h"

#define PING_COUNT       200u
#define PING_INTERVAL_NS (10 * NS_PER_MS)
#define PING_TIME_S      2u /* of so many at that interval */
#define LOAD_SPARE_S     2u /* the flow outlasts the pings */
#define IDLE_NS          (3 * NS_PER_SECOND)

/* ---- TCP ---- */

/* Processor time and bytes both are of the whole test, warm-up included: they cover the same time.
 */
static int measure_tcp(const struct tunnel_pair *pair, unsigned seconds, unsigned flows,
                       bool is_reverse, struct figures *row)
{
	struct iperf_spec spec = {pair->bed, pair->address[SERVER], flows, seconds, is_reverse};
	struct iperf iperf;
	struct iperf_result result;
	uint64_t before_ns = tunnel_pair_cpu_ns(pair);
	int err = iperf_start(&spec, &iperf);

	if (!err)
		err = iperf_finish(&iperf, &spec, &result);
	if (err)
		return err;
	uint64_t used_ns = tunnel_pair_cpu_ns(pair) - before_ns;
	row->value[FIGURE_GBPS] = result.gbps;
	if (pair->daemon[CLIENT].pid)
		row->value[FIGURE_CPU_S_PER_GB] = (double)used_ns / result.all_bytes;
	return 0;
}

static int run_tcp1(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	return measure_tcp(pair, seconds, 1, false, rows);
}

static int run_tcp4(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	return measure_tcp(pair, seconds, 4, false, rows);
}

static int run_tcp1_reverse(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	return measure_tcp(pair, seconds, 1, true, rows);
}

static int run_tcp4_reverse(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	return measure_tcp(pair, seconds, 4, true, rows);
}

/* ---- small packets ---- */

static int measure_flood(const struct tunnel_pair *pair, enum side from, unsigned seconds,
                         struct figures *row)
{
	const char *address = pair->address[from == CLIENT ? SERVER : CLIENT];
	struct udp_flood flood;
	struct udp_flood_result result;
	int err = udp_flood_start(pair->bed, from, address, seconds, &flood);

	if (err)
		return err;
	err = wait_until(flood.begin_ns);
	uint64_t before_ns = tunnel_pair_cpu_ns(pair);
	if (!err)
		err = wait_until(flood.end_ns);
	uint64_t used_ns = tunnel_pair_cpu_ns(pair) - before_ns;
	if (err)
		udp_flood_stop(&flood);
	else
		err = udp_flood_finish(&flood, &result);
	if (err)
		return err;
	row->value[FIGURE_KPPS] = result.kpps;
	row->value[FIGURE_LOSS_PERCENT] = result.loss_percent;
	if (pair->daemon[CLIENT].pid)
		row->value[FIGURE_CPU_NS_PER_PACKET] = (double)used_ns / result.window_pkts;
	return 0;
}

static int run_udp64(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	int err = measure_flood(pair, CLIENT, seconds, &rows[0]);

	return err ? err : measure_flood(pair, SERVER, seconds, &rows[1]);
}

/* ---- round trips ---- */

static int measure_pings(const struct tunnel_pair *pair, struct figures *row)
{
	double rtt_us[PING_COUNT];
	struct echo_result result = {.rtt_us = rtt_us};
	int err = echo_measure(&pair->bed->host[CLIENT], pair->address[SERVER], PING_COUNT,
	                       PING_INTERVAL_NS, &result);

	if (err)
		return err;
	if (!result.answered)
		return -ETIMEDOUT;
	row->value[FIGURE_LOSS_PERCENT] = 100.0 * (PING_COUNT - result.answered) / PING_COUNT;
	row->value[FIGURE_RTT_US_MEDIAN] = quantile(rtt_us, result.answered, 0.5);
	row->value[FIGURE_RTT_US_P99] = quantile(rtt_us, result.answered, 0.99);
	return 0;
}

static int run_idle_ping(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	(void)seconds;
	return measure_pings(pair, rows);
}

/* The flow finds its rate first, for as long as its own measurement would leave out. */
static int run_loaded_ping(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	struct iperf_spec spec = {pair->bed, pair->address[SERVER], 1, PING_TIME_S + LOAD_SPARE_S,
	                          false};
	struct iperf iperf;
	int err = iperf_start(&spec, &iperf);

	(void)seconds;
	if (err)
		return err;
	int at = wait_readable(&iperf.client.pidfd, 1,
	                       wait_deadline_ns(IPERF_WARM_UP_S * NS_PER_SECOND));
	if (at != -ETIMEDOUT)
		err = at < 0 ? at : -EREMOTEIO; /* there is no flow */
	else
		err = measure_pings(pair, rows);
	iperf_stop(&iperf);
	return err;
}

/* ---- idling ---- */

static int run_idle(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows)
{
	uint64_t before_ns[SIDES];

	(void)seconds;
	for (enum side side = CLIENT; side < SIDES; side++)
		before_ns[side] = process_cpu_ns(&pair->daemon[side]);
	uint64_t begin_ns = wait_now_ns();
	int err = wait_until(begin_ns + IDLE_NS);
	if (err)
		return err;
	for (enum side side = CLIENT; side < SIDES; side++) {
		const struct process *daemon = &pair->daemon[side];

		if (!daemon->pid)
			continue;
		rows[side].value[FIGURE_CPU_S_PER_S] =
			(double)(process_cpu_ns(daemon) - before_ns[side]) /
			(double)(wait_now_ns() - begin_ns);
		rows[side].value[FIGURE_RSS_MIB] = (double)process_rss_kib(daemon) / 1024;
	}
	return 0;
}

/* ---- all ---- */

const struct tunnel_test tunnel_tests[TUNNEL_TEST_COUNT] = {
	{"tcp1", {"up"}, FIGURE_GBPS, run_tcp1},
	{"tcp4", {"up"}, FIGURE_GBPS, run_tcp4},
	{"tcp1r", {"down"}, FIGURE_GBPS, run_tcp1_reverse},
	{"tcp4r", {"down"}, FIGURE_GBPS, run_tcp4_reverse},
	{"udp64", {"up", "down"}, FIGURE_KPPS, run_udp64},
	{"idle-ping", {"both"}, FIGURE_RTT_US_MEDIAN, run_idle_ping},
	{"loaded-ping", {"both"}, FIGURE_RTT_US_MEDIAN, run_loaded_ping},
	{"idle", {"client", "server"}, FIGURE_CPU_S_PER_S, run_idle},
};

int tunnel_test_run(const struct tunnel_test *test, const struct tunnel_pair *pair,
                    unsigned seconds, struct figures *rows)
{
	for (unsigned row = 0; row < TUNNEL_TEST_ROWS_MAX; row++)
		for (unsigned figure = 0; figure < FIGURE_COUNT; figure++)
			rows[row].value[figure] = NAN;
	return test->run(pair, seconds, rows);
}

static bool select_one(const char *name, size_t len, bool *selected)
{
	for (unsigned i = 0; i < TUNNEL_TEST_COUNT; i++) {
		if (strlen(tunnel_tests[i].name) != len || memcmp(tunnel_tests[i].name, name, len))
			continue;
		selected[i] = true;
		return true;
	}
	fprintf(stderr, "vtbench: no test \"%.*s\"; there are", (int)len, name);
	for (unsigned i = 0; i < TUNNEL_TEST_COUNT; i++)
		fprintf(stderr, " %s", tunnel_tests[i].name);
	fputc('\n', stderr);
	return false;
}

bool tunnel_tests_select(const char *text, bool ret_selected[static TUNNEL_TEST_COUNT])
{
	bool selected[TUNNEL_TEST_COUNT] = {false};

	for (unsigned i = 0; !text && i < TUNNEL_TEST_COUNT; i++)
		selected[i] = true;
	while (text) {
		size_t len = strcspn(text, ",");

		if (!select_one(text, len, selected))
			return false;
		text = text[len] ? text + len + 1 : NULL;
	}
	memcpy(ret_selected, selected, sizeof selected);
	return true;
}
