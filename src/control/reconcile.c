/* SPDX-License-Identifier: MIT */
#include "control/reconcile.h"

#include <errno.h>

static int check(const struct reconciler *by, const struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!by->step[list->changes[i].kind])
			return -ENOTSUP;
	return 0;
}

static int walk(struct reconciler *by, const struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct change *change = &list->changes[i];
		int r = by->step[change->kind](by, list, change);

		if (r)
			return r;
	}
	return 0;
}

int reconcile(struct reconciler *by, const struct desired *from, const struct desired *to)
{
	struct change_list list;
	int r = desired_diff(from, to, &list);

	if (!r)
		r = check(by, &list);
	if (!r)
		r = walk(by, &list);
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
