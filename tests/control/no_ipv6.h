/* SPDX-License-Identifier: MIT */
/* no_ipv6.h - a kernel that was started with ipv6.disable=1: while @lacks_ipv6 there are no sockets
 * of that family. It stands before the C library, so only tests that want it are linked with it.
 */
#ifndef TESTS_CONTROL_NO_IPV6_H
#define TESTS_CONTROL_NO_IPV6_H

#include <stdbool.h>

extern bool lacks_ipv6;

#endif
