/* SPDX-License-Identifier: MIT */
#include "descriptors.h"

#include <fcntl.h>

#define FDS_LOOKED_AT 256

unsigned open_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}
