/* SPDX-License-Identifier: MIT */
/* source.h - whether the source address that a path of a wildcard link has learnt is still the one
 * to send from, or may be the reason that nothing is answered.
 *
 * A link bound to no address answers from the address that it was spoken to at, and keeps it. When
 * the default route moves to another uplink, that address is still configured and leaves by the
 * wrong line. Then the system shall choose again. An address that the way to the peer
 * still leaves by its own device with is kept: a server with two of them must answer from the right
 * one. No address is forgotten here, the system is asked. Any thread.
 */
#ifndef CONTROL_SOURCE_H
#define CONTROL_SOURCE_H

#include <stdbool.h>

#include "dataplane/batch.h"

struct ifaddrs;
struct line;

/* Whether @route's own address is no more, or the system would send from it by another device than
 * the one that has it. An address of a loopback or dummy device belongs to no line and stays.
 * @list: of getifaddrs().
 */
bool source_is_stale(const struct route *route, const struct line *line,
                     const struct ifaddrs *list);

#endif
