/* SPDX-License-Identifier: MIT */
/* source.h - forgets the source address that a path of a wildcard link has learnt, when it may be
 * the reason that nothing is answered.
 *
 * A link bound to no address answers from the address that it was spoken to at, and keeps it. When
 * the default route moves to another uplink, that address is still configured and leaves by the
 * wrong line. Then the system shall choose again. An address that the way to the peer still leaves
 * by its own device with is kept: a server with two of them must answer from the right one. One
 * thread (control).
 */
#ifndef CONTROL_SOURCE_H
#define CONTROL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/batch.h"

struct control;
struct ifaddrs;
struct line;
struct path;
struct peer;

/* Whether @route's own address is no more, or the system would send from it by another device than
 * the one that has it. An address of a loopback or dummy device belongs to no line and stays.
 * @list: of getifaddrs().
 */
bool source_is_stale(const struct route *route, const struct line *line,
                     const struct ifaddrs *list);

/* Forgets the stale ones of all peers: routes, addresses or devices of the system have changed. */
void sources_check(struct control *control, uint64_t now_ns);

/* Forgets that of the path if it is stale. */
void source_check(struct peer *peer, struct path *path, uint64_t now_ns);

/* Forgets all of the peer, which does not answer. */
void sources_forget(struct peer *peer, uint64_t now_ns);

#endif
