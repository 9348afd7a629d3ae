/* SPDX-License-Identifier: MIT */
/* tunnel_pair.h - the two ends of a tunnel through a testbed, made by one of the measured programs.
 */
#ifndef BENCH_TUNNEL_PAIR_H
#define BENCH_TUNNEL_PAIR_H

#include <net/if.h>

#include "bench/process.h"
#include "bench/testbed.h"
#include "bench/variant.h"

#define TUNNEL_CLIENT_ADDRESS "10.99.0.1"
#define TUNNEL_SERVER_ADDRESS "10.99.0.2"

/* Where they are. Names without a slash are looked up in PATH. */
struct tunnel_programs {
	const char *vtrunkd, *wireguard_go;
	const char *exec_address; /* of the server in a tunnel made by commands of the user's */
};

struct tunnel_pair {
	const struct testbed *bed;
	const struct variant *variant;
	const struct tunnel_programs *programs;
	struct process daemon[SIDES]; /* none without a tunnel */
	char interface[SIDES][IF_NAMESIZE];
	char address[SIDES][TESTBED_ADDRESS_LEN]; /* what the measured traffic uses */
};

/* Starts both ends and waits until the server answers an echo request through the tunnel, and for
 * vtrunkd until every path is up. What the programs say goes to the testbed's log. Returns 0,
 * -EINTR, -ETIMEDOUT (no tunnel within 15 seconds), -ECHILD (an end gave up), -EREMOTEIO (a command
 * failed) or another negative errno. On failure nothing is left running.
 */
int tunnel_pair_start(const struct testbed *bed, const struct variant *variant,
                      const struct tunnel_programs *programs, struct tunnel_pair *ret);

void tunnel_pair_stop(struct tunnel_pair *pair);

/* Nanoseconds of processor time of both ends together. */
uint64_t tunnel_pair_cpu_ns(const struct tunnel_pair *pair);

#endif
