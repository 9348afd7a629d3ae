/* SPDX-License-Identifier: MIT */
/* sharing.h - paths of a peer that seem to share a line: who counts on two of them has one.
 *
 * Seen from a client, two links that are tied to no device leave by one, as the routes stand. Seen
 * from a gateway, two paths over one of its links come from one address with two ports: one line,
 * or two behind one translator, so that is a hint. Either is told in the log once and stays in
 * status. Paths are read only. One thread (control).
 */
#ifndef CONTROL_SHARING_H
#define CONTROL_SHARING_H

#include <stddef.h>
#include <stdint.h>

struct path;
struct paths;

#define SHARING_TEXT_LEN 192u

/* By which device @path, which has a target, leaves over a link with that mark, as the system says;
 * 0: it has no way there. About 20 us.
 */
int sharing_device(const struct path *path, uint32_t fwmark);

/* What @path, which is in use, shares with one of a lower number, or "". Returns @buf. */
const char *sharing_text(const struct paths *paths, const struct path *path, uint64_t now_ns,
                         char buf[static SHARING_TEXT_LEN]);

#endif
