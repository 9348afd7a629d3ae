/* SPDX-License-Identifier: MIT */
/* tunnel_test.h - what is measured through a tunnel that stands: rate, small packets, round trips,
 * idling.
 *
 * A test runs for a while and gives one or two rows of figures.
 */
#ifndef BENCH_TUNNEL_TEST_H
#define BENCH_TUNNEL_TEST_H

#include <stdbool.h>

#include "bench/tunnel_pair.h"

#define TUNNEL_TEST_COUNT    8u
#define TUNNEL_TEST_ROWS_MAX 2u

/* NAN where a test does not measure it. Processor time is of both ends of the tunnel, in user and
 * system mode, and of nothing else: load generators and the kernel's own threads are not in it.
 */
enum figure {
	FIGURE_GBPS,              /* 10^9 bits per second of TCP payload received */
	FIGURE_CPU_S_PER_GB,      /* processor seconds per 10^9 bytes of TCP payload */
	FIGURE_KPPS,              /* 1000 packets per second that arrive */
	FIGURE_CPU_NS_PER_PACKET, /* processor nanoseconds per packet that arrives */
	FIGURE_LOSS_PERCENT,      /* of packets sent */
	FIGURE_RTT_US_MEDIAN,
	FIGURE_RTT_US_P99,
	FIGURE_CPU_S_PER_S, /* processor seconds per second, one end */
	FIGURE_RSS_MIB,     /* resident memory of one end, 2^20 bytes */
	FIGURE_COUNT,
};

struct figures {
	double value[FIGURE_COUNT];
};

struct tunnel_test {
	const char *name;
	const char
		*row[TUNNEL_TEST_ROWS_MAX]; /* "up" client to server, "down", ...; NULL: no row */
	enum figure compared;               /* the figure variants are compared by */
	int (*run)(const struct tunnel_pair *pair, unsigned seconds, struct figures *rows);
};

extern const struct tunnel_test tunnel_tests[TUNNEL_TEST_COUNT];

/* Sets all figures of @rows (TUNNEL_TEST_ROWS_MAX). Returns 0, or a negative errno as the traffic's
 * own functions; then rows may be set in part.
 */
int tunnel_test_run(const struct tunnel_test *test, const struct tunnel_pair *pair,
                    unsigned seconds, struct figures *rows);

/* Which tests the list @text ("tcp1,idle"; NULL: all) names, by their position. False after a line
 * on standard error.
 */
bool tunnel_tests_select(const char *text, bool ret_selected[static TUNNEL_TEST_COUNT]);

#endif
