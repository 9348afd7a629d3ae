/* SPDX-License-Identifier: MIT */
/* explain_bulk.h - the part of a sentence that says what the sender found (sched/account.h): of a
 * path that may carry data, of a peer that reports what arrives.
 *
 * Pure.
 */
#ifndef CONTROL_EXPLAIN_BULK_H
#define CONTROL_EXPLAIN_BULK_H

#include "control/explained.h"

/* What path @path_id @carried, and why. */
void explain_bulk(const struct explained *all, unsigned path_id, const char *carried,
                  char buf[static EXPLAIN_LEN]);

#endif
