/* SPDX-License-Identifier: MIT */
/* route_rig.h - a network namespace with two uplinks and a device that stands for the tunnel.
 *
 *      wan0  10.1.0.2/24  gw 10.1.0.1   wan1  10.2.0.2/24  gw 10.2.0.1   vt  10.9.0.2/24
 *            fd01::2/64   gw fd01::1         fd02::2/64   gw fd02::1       fd09::2/64
 */
#ifndef TEST_ROUTE_RIG_H
#define TEST_ROUTE_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"

/* A command of ip(8) that must succeed. */
#define ip(...)                                                                   \
	do {                                                                      \
		char command[256] = "ip ";                                        \
		int at = (int)strlen(command);                                    \
		snprintf(command + at, sizeof command - (size_t)at, __VA_ARGS__); \
		cr_assert(eq(int, system(command), 0), "%s", command);            \
	} while (0)

static inline void route_rig_start(void)
{
	static const char *const names[] = {"wan0", "wan1", "vt"};
	static const char *const nets[] = {"1", "2", "9"};

	if (geteuid() != 0)
		cr_skip("needs root for a network namespace");
	if (unshare(CLONE_NEWNET))
		cr_skip("no network namespace: %s", strerror(errno));
	if (system("ip link add one type veth peer name other 2>/dev/null && ip link del one"))
		cr_skip("no veth devices");
	ip("link set lo up");
	for (unsigned i = 0; i < 3; i++) {
		ip("link add %s type veth peer name far%u", names[i], i);
		ip("link set %s up", names[i]);
		ip("link set far%u up", i);
		ip("address add 10.%s.0.2/24 dev %s", nets[i], names[i]);
		ip("address add fd0%s::2/64 dev %s nodad", nets[i], names[i]);
	}
}

static inline int index_of(const char *name)
{
	return (int)if_nametoindex(name);
}

static inline struct endpoint address(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 1, &ep), 0), "%s", text);
	endpoint_set_port(&ep, 0);
	return ep;
}

/* Whether `ip route show` has a line with both texts. */
static inline bool shows_route(const char *family, const char *one, const char *other)
{
	char command[128], line[512];
	bool found = false;

	snprintf(command, sizeof command, "ip %s route show table main", family);
	FILE *out = popen(command, "r");
	while (fgets(line, sizeof line, out))
		found |= strstr(line, one) && strstr(line, other);
	pclose(out);
	return found;
}

#endif
