/* SPDX-License-Identifier: MIT */
/* sharing.h - paths of a peer that seem to share a line: who counts on two of them has one.
 *
 * Seen from a client, two links that are tied to no device leave by one, as the routes stand. Seen
 * from a gateway, two paths over one of its links come from one address with two ports: one line, or
 * two behind one translator, so that is a hint. Either is told in the log once and stays in status. One
 * thread (control).
 */
#ifndef CONTROL_SHARING_H
#define CONTROL_SHARING_H

#include <stddef.h>
#include <stdint.h>

struct control;
struct path;
struct peer;

#define SHARING_TEXT_LEN 192u

/* Asks the system by which device each configured path leaves, if any link may share one: routes,
 * addresses, devices or targets have changed. About 20 us for each path.
 */
void sharing_look(struct control *control);

/* What @path, which is in use, shares with one of a lower number, or "". Returns @buf. */
const char *sharing_text(const struct peer *peer, const struct path *path, uint64_t now_ns,
                         char buf[static SHARING_TEXT_LEN]);

/* Logs what is new of it. */
void sharing_tell(struct peer *peer, uint64_t now_ns);

#endif
