/* SPDX-License-Identifier: MIT */
#include "local_socket.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

struct sockaddr_un local_address(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	cr_assert(lt(sz, len, sizeof addr.sun_path), "%s", path);
	memcpy(addr.sun_path, path, len);
	return addr;
}
