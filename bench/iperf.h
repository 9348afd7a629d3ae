/* SPDX-License-Identifier: MIT */
/* iperf.h - TCP flows made and counted by iperf3. */
#ifndef BENCH_IPERF_H
#define BENCH_IPERF_H

#include <stdbool.h>

#include "bench/process.h"
#include "bench/testbed.h"

#define IPERF_WARM_UP_S 1 /* not counted in the rate */
#define IPERF_ERROR_LEN 200

struct iperf_spec {
	const struct testbed *bed;
	const char *address; /* of the server */
	unsigned flows, seconds;
	bool is_reverse; /* from the server to the client */
};

/* A server and a client; all zero: none. */
struct iperf {
	struct process server, client;
	int server_says; /* read end of the server's standard output */
	int result;      /* the client's standard output */
};

struct iperf_result {
	double gbps;      /* received, 10^9 bits of payload per second, without the warm-up */
	double all_bytes; /* carried with the warm-up */
};

/* Starts both, the client when the server listens. Returns 0, a negative errno of starting,
 * -ETIMEDOUT, -EINTR or -EREMOTEIO (the server ended). On failure nothing runs.
 */
int iperf_start(const struct iperf_spec *spec, struct iperf *ret);

/* Waits for the end, at most a few seconds more than the test lasts. Returns 0, -EINTR, -ETIMEDOUT
 * or -EREMOTEIO (iperf3 failed; it said why in the log of the testbed). Nothing runs afterwards.
 */
int iperf_finish(struct iperf *iperf, const struct iperf_spec *spec, struct iperf_result *ret);

/* Ends both without a result. */
void iperf_stop(struct iperf *iperf);

/* The result in the JSON that iperf3 prints. False, with the reason in @ret_error, when there is
 * none.
 */
bool iperf_parse(const char *json, struct iperf_result *ret,
                 char ret_error[static IPERF_ERROR_LEN]);

#endif
