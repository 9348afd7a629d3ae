/* SPDX-License-Identifier: MIT */
/* changes.h - what runs is brought to a desired state: links and peers come, change and go while
 * the others carry data.
 *
 * Each operation of the list (config/diff.h) is one small function in changes_links.h or
 * changes_peers.h. All that can fail is readied before the first of them is done (reconcile.h), so
 * a list is followed as a whole or not at all. A peer that goes says goodbye; a link that goes
 * takes with it the paths over it. What all have in common follows when the list is done: allowed
 * IPs, routes of our device, ways to endpoints beside it. A start is the list from nothing, the end
 * of the daemon the same backwards. Control thread.
 */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "control/changer.h"

/* From nothing to @running. What was added is not opened yet: links_open(). Returns 0 or a
 * negative errno, with nothing added.
 */
int changes_begin(struct changes *changes);

/* From what runs to @wanted, which is taken over, also on failure; what is new is opened and begins
 * to work. A link that cannot be opened waits and is tried again, as one whose device is away.
 * Returns 0 or a negative errno, with nothing done and @why written: -ENOTSUP when the list has
 * operations that need a restart, which @why names as `vtrunkd check --diff` does, a line each; or
 * -ENOMEM.
 */
#define CHANGES_WHY_LEN 1024u /* bytes with the zero; what is longer is cut */
int changes_apply(struct changes *changes, struct desired *wanted,
                  char why[static CHANGES_WHY_LEN]);

/* To nothing, with a goodbye to every peer. Needs no memory. Again is allowed. */
void changes_end(struct changes *changes);

#endif
