/* SPDX-License-Identifier: MIT */
/* explain.h - why a path got what it got in the last second, in one sentence.
 *
 * What the sender found when it decided (sched/account.h), and where control keeps a path from
 * data (sched/path_standing.h), in words. Nothing is decided here. What the peer sends is decided
 * by the peer, and explained there.
 *
 * Pure.
 */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

#include "control/explained.h"

/* Of path @path_id, which there is; without a full stop. Returns @buf. */
const char *explain_text(const struct explained *all, unsigned path_id,
                         char buf[static EXPLAIN_LEN]);

#endif
