/* SPDX-License-Identifier: MIT */
/* reconcile.h - brings what runs to a desired state, one small operation after the other.
 *
 * What has to be done is the difference of two states (config/diff.h); who can do it comes in as a
 * table of functions, one per kind of operation. A start is the way from nothing. A list with an
 * operation that nobody can do is refused as a whole, before anything is touched. Control thread.
 */
#ifndef CONTROL_RECONCILE_H
#define CONTROL_RECONCILE_H

#include "config/diff.h"

struct reconciler;

/* Does one operation. Returns 0 or a negative errno. Nothing may keep a pointer into @change, whose
 * states end before what runs does.
 */
typedef int (*reconcile_step)(struct reconciler *by, const struct change_list *list,
                              const struct change *change);

/* Whoever does it embeds this. */
struct reconciler {
	reconcile_step step[CHANGE_KINDS]; /* by kind; NULL: it cannot be done */
};

/* Leads from @from, NULL for nothing, to @to. Returns 0, -ENOMEM, -ENOTSUP with nothing done, or
 * what a step returned; then what was done before it stays done.
 */
int reconcile(struct reconciler *by, const struct desired *from, const struct desired *to);

/* Leads from @from to nothing: a start backwards. It needs no memory, and goes on when a step
 * fails; one that nobody can do is left out.
 */
void reconcile_to_nothing(struct reconciler *by, const struct desired *from);

#endif
