/* SPDX-License-Identifier: MIT */
/* reconcile.h - brings what runs to a desired state, one small operation after the other, or leaves
 * it as it is.
 *
 * What has to be done is the difference of two states (config/diff.h); who can do it comes in as a
 * table of functions, one per kind of operation:
 *
 *      all can be done?  --no-->  refused, nothing is touched
 *       | yes
 *      ready[], each     --one fails-->  drop[] for those before it, nothing is touched
 *       | all are ready
 *      step[], each      none can fail
 *
 * So what can go wrong does so before anything runs otherwise than before, and there is nothing to
 * be taken back of what carries data. A start is the way from nothing. Control thread.
 */
#ifndef CONTROL_RECONCILE_H
#define CONTROL_RECONCILE_H

#include "config/diff.h"

struct reconciler;

/* Takes what one operation needs and may not get. Returns 0 or a negative errno, with nothing
 * taken.
 */
typedef int (*reconcile_ready)(struct reconciler *by, const struct change_list *list,
                               const struct change *change);

/* Does one operation, or drops what was readied for it. Nothing may keep a pointer into @change,
 * whose states end before what runs does.
 */
typedef void (*reconcile_step)(struct reconciler *by, const struct change_list *list,
                               const struct change *change);

/* Whoever does it embeds this. By kind: */
struct reconciler {
	reconcile_step step[CHANGE_KINDS];   /* NULL: it cannot be done while all runs */
	reconcile_ready ready[CHANGE_KINDS]; /* NULL: it needs nothing */
	reconcile_step drop[CHANGE_KINDS];   /* NULL: nothing was taken */

	/* The same for what the operations have in common, after those of each. NULL: nothing. */
	int (*ready_all)(struct reconciler *by, const struct change_list *list);

	/* Hears of each operation that cannot be done. NULL: nobody wants to know. */
	reconcile_step refuse;
};

/* Leads from @from, NULL for nothing, to @to. Returns 0, or a negative errno with nothing done:
 * -ENOMEM, -ENOTSUP when an operation cannot be done, or what readying one returned.
 */
int reconcile(struct reconciler *by, const struct desired *from, const struct desired *to);

/* Leads from @from to nothing: a start backwards. It needs no memory, and readies nothing; what
 * cannot be done is left out.
 */
void reconcile_to_nothing(struct reconciler *by, const struct desired *from);

/* The functions of the table. */
#define RECONCILE_READY(name) \
	int name(struct reconciler *by, const struct change_list *list, const struct change *change)
#define RECONCILE_STEP(name)                                             \
	void name(struct reconciler *by, const struct change_list *list, \
	          const struct change *change)

#endif
