/* SPDX-License-Identifier: MIT */
#include "no_ipv6.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

bool lacks_ipv6;

int socket(int family, int type, int protocol)
{
	int (*real)(int, int, int);

	if (family == AF_INET6 && lacks_ipv6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "socket");
	return real(family, type, protocol);
}
