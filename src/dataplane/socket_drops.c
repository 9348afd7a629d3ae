/* SPDX-License-Identifier: MIT */
#include "dataplane/socket_drops.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

uint64_t socket_drops_read(struct socket_drops *drops, int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof info;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ||
	    len <= SK_MEMINFO_DROPS * sizeof *info)
		return drops->total;
	drops->total += info[SK_MEMINFO_DROPS] - drops->seen; /* modulo 2^32, as it counts */
	drops->seen = info[SK_MEMINFO_DROPS];
	return drops->total;
}

void socket_drops_restart(struct socket_drops *drops)
{
	drops->seen = 0;
}
