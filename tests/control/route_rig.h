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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"

/* For the .init of a suite; the test is skipped where there can be no namespace. */
void route_rig_start(void);

/* A command of ip(8) that must succeed. */
void ip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The index of a device; an address without a port. */
int index_of(const char *name);
struct endpoint address(const char *text);

/* Whether `ip route show` has a line with both texts. */
bool shows_route(const char *family, const char *one, const char *other);

#endif
