/* SPDX-License-Identifier: MIT */
/* local_socket.h - the address of a local socket at a path, which must be short enough for one. */
#ifndef TESTS_LOCAL_SOCKET_H
#define TESTS_LOCAL_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>

struct sockaddr_un local_address(const char *path);

#endif
