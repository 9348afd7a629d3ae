/* SPDX-License-Identifier: MIT */
/* last_second.h - what the sender to a peer gave each path in the last second that is over.
 *
 * Its account (sched/account.h) is read once a second, with the rates. Memory for it has a peer
 * whose account is kept, which is one that reports, for each path that something stands of there:
 * of sixteen two are used as a rule. One thread (control).
 */
#ifndef CONTROL_LAST_SECOND_H
#define CONTROL_LAST_SECOND_H

#include <stdint.h>

#include "sched/account.h"

struct dp_peer;

struct last_second_path {
	struct account_counts in;  /* what came to the account in it */
	struct account_counts end; /* what stood there then */
};

struct last_second {
	uint64_t lasted_ns;
	struct last_second_path *path[PATHS_MAX]; /* NULL: nothing ever came, or no memory */
};

/* What came in it; NULL if @second is. */
const struct account_counts *last_second_in(const struct last_second *second, unsigned path_id);

/* Also NULL. */
void last_second_free(struct last_second *second);

/* A second is over, which lasted @lasted_ns. *@second is NULL before the first, and again without
 * memory or when no account is kept any more.
 */
void last_second_take(struct last_second **second, const struct dp_peer *dp, uint64_t lasted_ns);

#endif
