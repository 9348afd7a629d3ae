/* SPDX-License-Identifier: MIT */
#include "control/reconcile.h"

#include <errno.h>

static int check(struct reconciler *by, const struct change_list *list)
{
	int r = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (by->step[list->changes[i].kind])
			continue;
		r = -ENOTSUP;
		if (by->refuse)
			by->refuse(by, list, &list->changes[i]);
	}
	return r;
}

/* The first @count of the list. */
static void walk(struct reconciler *by, const reconcile_step step[static CHANGE_KINDS],
                 const struct change_list *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct change *change = &list->changes[i];

		if (step[change->kind])
			step[change->kind](by, list, change);
	}
}

static int make_ready(struct reconciler *by, const struct change_list *list)
{
	size_t count = 0;
	int r = 0;

	for (; count < list->count; count++) {
		const struct change *change = &list->changes[count];

		if (by->ready[change->kind])
			r = by->ready[change->kind](by, list, change);
		if (r)
			break;
	}
	if (!r && by->ready_all)
		r = by->ready_all(by, list);
	if (r)
		walk(by, by->drop, list, count);
	return r;
}

int reconcile(struct reconciler *by, const struct desired *from, const struct desired *to)
{
	struct change_list list;
	int r = desired_diff(from, to, &list);

	if (!r)
		r = check(by, &list);
	if (!r)
		r = make_ready(by, &list);
	if (!r)
		walk(by, by->step, &list, list.count);
	change_list_fini(&list);
	return r;
}

void reconcile_to_nothing(struct reconciler *by, const struct desired *from)
{
	const struct change_list list = {.from = from};

	for (size_t i = 0; i < desired_end_len(from); i++) {
		const struct change change = desired_end_step(from, i);

		if (by->step[change.kind])
			by->step[change.kind](by, &list, &change);
	}
}
