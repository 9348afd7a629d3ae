/* SPDX-License-Identifier: MIT */
/* A gateway has many thousands of them, so they are sorted and gone through once. */
#include "control/route_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/* A sorted copy in memory of its own; NULL without any. One more, so that none is no special case.
 */
static struct prefix *sort(const struct prefix *from, size_t count)
{
	struct prefix *sorted = calloc(count + 1, sizeof *sorted);

	if (!sorted || !count)
		return sorted;
	memcpy(sorted, from, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare);
	return sorted;
}

/* Leaves those of @sorted that @other has not, each once. Returns how many. */
static size_t keep_own(struct prefix *sorted, size_t count, const struct prefix *other,
                       size_t other_count)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		while (at < other_count && compare(&other[at], &sorted[i]) < 0)
			at++;
		if (at < other_count && !compare(&other[at], &sorted[i]))
			continue;
		if (!kept || compare(&sorted[kept - 1], &sorted[i]))
			sorted[kept++] = sorted[i];
	}
	return kept;
}

int route_changes_init(struct route_changes *changes, const struct prefix *from, size_t from_count,
                       const struct prefix *to, size_t to_count)
{
	struct prefix *before = sort(from, from_count);

	*changes =
		(struct route_changes){.remove = sort(from, from_count), .add = sort(to, to_count)};
	if (!before || !changes->remove || !changes->add) {
		free(before);
		route_changes_fini(changes);
		return -ENOMEM;
	}
	changes->remove_count = keep_own(changes->remove, from_count, changes->add, to_count);
	changes->add_count = keep_own(changes->add, to_count, before, from_count);
	free(before);
	return 0;
}

void route_changes_fini(struct route_changes *changes)
{
	free(changes->remove);
	free(changes->add);
	*changes = (struct route_changes){0};
}
