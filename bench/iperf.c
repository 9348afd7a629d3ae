/* SPDX-License-Identifier: MIT */
#include "bench/iperf.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/wait.h"

#define PORT            "5201"
#define LISTEN_NS       (5 * NS_PER_SECOND)
#define CONNECT_MS      "5000"
#define FINISH_EXTRA_NS (10 * NS_PER_SECOND) /* connecting, exchanging results */

/* ---- the server ---- */

/* Until it said that it listens. */
static int wait_listening(const struct iperf *iperf)
{
	char said[512] = "";
	size_t len = 0;
	uint64_t deadline_ns = wait_deadline_ns(LISTEN_NS);

	while (!strstr(said, "listening")) {
		int at = wait_readable(&iperf->server_says, 1, deadline_ns);
		if (at < 0)
			return at;
		ssize_t got = read(iperf->server_says, said + len, sizeof said - 1 - len);
		if (got <= 0)
			return -EREMOTEIO;
		len += (size_t)got;
		said[len] = '\0';
	}
	return 0;
}

/* -i 0: no line per second, which would fill a pipe that nobody reads. */
static int start_server(const struct iperf_spec *spec, struct iperf *iperf)
{
	const char *const argv[] = {"iperf3", "-s", "-1",           "-p", PORT,
	                            "-i",     "0",  "--forceflush", NULL};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	struct process_spec server = {.netns = &spec->bed->host[SERVER],
	                              .argv = argv,
	                              .output = ends[1],
	                              .errors = spec->bed->log};
	int err = process_start(&server, &iperf->server);
	close(ends[1]);
	iperf->server_says = ends[0];
	return err ? err : wait_listening(iperf);
}

/* ---- the client ---- */

static int start_client(const struct iperf_spec *spec, struct iperf *iperf)
{
	char flows[12], seconds[12], warm_up[12];
	const char *argv[] = {"iperf3",
	                      "-c",
	                      spec->address,
	                      "-p",
	                      PORT,
	                      "-P",
	                      flows,
	                      "-t",
	                      seconds,
	                      "-O",
	                      warm_up,
	                      "--json",
	                      "--connect-timeout",
	                      CONNECT_MS,
	                      spec->is_reverse ? "-R" : NULL,
	                      NULL};

	snprintf(flows, sizeof flows, "%u", spec->flows);
	snprintf(seconds, sizeof seconds, "%u", spec->seconds);
	snprintf(warm_up, sizeof warm_up, "%d", IPERF_WARM_UP_S);
	int output = process_text_fd("");
	if (output < 0)
		return output;
	iperf->result = output;
	struct process_spec client = {.netns = &spec->bed->host[CLIENT],
	                              .argv = argv,
	                              .output = output,
	                              .errors = spec->bed->log};
	return process_start(&client, &iperf->client);
}

int iperf_start(const struct iperf_spec *spec, struct iperf *ret)
{
	*ret = (struct iperf){0};
	int err = start_server(spec, ret);
	if (!err)
		err = start_client(spec, ret);
	if (err)
		iperf_stop(ret);
	return err;
}

void iperf_stop(struct iperf *iperf)
{
	process_terminate(&iperf->client);
	process_terminate(&iperf->server);
	process_stop(&iperf->client);
	process_stop(&iperf->server);
	if (iperf->server_says > 0)
		close(iperf->server_says);
	if (iperf->result > 0)
		close(iperf->result);
	*iperf = (struct iperf){0};
}

/* ---- the result ---- */

/* Of all intervals, those of the warm-up included. */
static double all_bytes(const json_t *intervals)
{
	double sum = 0;
	size_t i;
	json_t *interval;

	json_array_foreach(intervals, i, interval) sum +=
		json_number_value(json_object_get(json_object_get(interval, "sum"), "bytes"));
	return sum;
}

bool iperf_parse(const char *json, struct iperf_result *ret, char ret_error[static IPERF_ERROR_LEN])
{
	json_error_t where;
	json_t *root = json_loads(json, 0, &where);
	const json_t *end = json_object_get(root, "end");
	double bps = json_number_value(
		json_object_get(json_object_get(end, "sum_received"), "bits_per_second"));
	double bytes = all_bytes(json_object_get(root, "intervals"));
	const char *error = json_string_value(json_object_get(root, "error"));

	if (!root)
		error = where.text;
	else if (!error && (!(bps > 0) || !(bytes > 0)))
		error = "it reports no bytes";
	if (error)
		snprintf(ret_error, IPERF_ERROR_LEN, "%s", error);
	else
		*ret = (struct iperf_result){.gbps = bps / 1e9, .all_bytes = bytes};
	json_decref(root);
	return !error;
}

int iperf_finish(struct iperf *iperf, const struct iperf_spec *spec, struct iperf_result *ret)
{
	uint64_t lasts_ns = (spec->seconds + IPERF_WARM_UP_S) * NS_PER_SECOND;
	char error[IPERF_ERROR_LEN];
	int status;
	int err =
		process_wait(&iperf->client, wait_deadline_ns(lasts_ns + FINISH_EXTRA_NS), &status);

	if (!err) {
		char *text = process_read_fd(iperf->result);

		if (!text || !iperf_parse(text, ret, error)) {
			dprintf(spec->bed->log, "iperf3: %s\n", text ? error : strerror(ENOMEM));
			err = -EREMOTEIO;
		}
		free(text);
	}
	iperf_stop(iperf);
	return err;
}
