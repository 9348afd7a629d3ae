/* SPDX-License-Identifier: MIT */
#include "control/last_second.h"

#include <stdlib.h>

#include "dataplane/statistics.h"

void last_second_free(struct last_second *second)
{
	for (unsigned i = 0; second && i < PATHS_MAX; i++)
		free(second->path[i]);
	free(second);
}

const struct account_counts *last_second_in(const struct last_second *second, unsigned path_id)
{
	static const struct account_counts nothing;

	if (!second)
		return NULL;
	return second->path[path_id] ? &second->path[path_id]->in : &nothing;
}

static void take_path(struct last_second *second, unsigned path_id, const struct dp_peer *dp,
                      bool is_first)
{
	struct last_second_path **path = &second->path[path_id];
	struct account_counts now;

	if (!engine_account(dp, path_id, &now) || (!*path && account_is_empty(&now)))
		return;
	if (!*path)
		*path = calloc(1, sizeof **path);
	if (!*path)
		return;
	if (is_first) /* nothing is known of the time before */
		(*path)->end = now;
	account_since(&(*path)->end, &now, &(*path)->in);
	(*path)->end = now;
}

void last_second_take(struct last_second **second, const struct dp_peer *dp, uint64_t lasted_ns)
{
	bool is_first = !*second;
	struct account_counts any;

	if (!engine_account(dp, 0, &any)) {
		last_second_free(*second);
		*second = NULL;
		return;
	}
	if (is_first)
		*second = calloc(1, sizeof **second);
	if (*second)
		(*second)->lasted_ns = lasted_ns;
	for (unsigned i = 0; *second && i < PATHS_MAX; i++)
		take_path(*second, i, dp, is_first);
}
