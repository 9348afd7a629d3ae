/* SPDX-License-Identifier: MIT */
/* testbed.h - two hosts on this machine, joined directly by up to TESTBED_LINKS_MAX unlimited
 * links.
 *
 *	client 10.77.<i>.1 ==== veth pair i ==== 10.77.<i>.2 server        i = 1 ..
 *
 * The veth devices keep their default offloads. What the programs inside say goes into one file.
 */
#ifndef BENCH_TESTBED_H
#define BENCH_TESTBED_H

#include "bench/netns.h"

#define TESTBED_LINKS_MAX   4u
#define TESTBED_ADDRESS_LEN 16u

enum side {
	CLIENT,
	SERVER,
	SIDES,
};

struct testbed {
	struct netns host[SIDES];
	int log; /* descriptor of an anonymous file */
};

/* Returns 0 or a negative errno; then too testbed_destroy() is due. */
int testbed_create(struct testbed *bed, unsigned links);
void testbed_destroy(struct testbed *bed);

const char *testbed_side_name(enum side side);

/* Of @side on link @i, counted from 1. Returns @buf. */
const char *testbed_address(enum side side, unsigned i, char buf[static TESTBED_ADDRESS_LEN]);

/* Forgets what the programs said so far. */
void testbed_clear_log(struct testbed *bed);

/* The end of what they said, to standard error. */
void testbed_show_log(const struct testbed *bed);

#endif
