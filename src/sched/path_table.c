/* SPDX-License-Identifier: MIT */
#include "sched/path_table.h"

#include <assert.h>
#include <stdlib.h>

/* The lowest rank among @len candidates, @len above 0. */
static uint8_t best_rank(const struct path_candidate *candidates, unsigned len)
{
	uint8_t best = candidates[0].rank;

	for (unsigned i = 1; i < len; i++) {
		if (candidates[i].rank < best)
			best = candidates[i].rank;
	}
	return best;
}

static void table_add(struct path_table *table, const struct path_candidate *candidate)
{
	const struct path_slot slot = {.path_id = candidate->path_id, .weight = candidate->weight};

	if (table->mode != BONDING_FAILOVER || table->len == 0)
		table->slot[table->len++] = slot;
	else if (slot.weight > table->slot[0].weight)
		table->slot[0] = slot;
}

struct path_table *path_table_build(enum bonding_mode mode, const struct path_candidate *candidates,
                                    unsigned len)
{
	assert(len <= PATHS_MAX);

	struct path_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->mode = mode;
	if (len == 0)
		return table;

	uint8_t rank = best_rank(candidates, len);
	for (unsigned i = 0; i < len; i++) {
		assert(candidates[i].weight > 0 && candidates[i].path_id < PATHS_MAX);
		if (candidates[i].rank == rank)
			table_add(table, &candidates[i]);
	}
	return table;
}

static void free_table(struct rcu_head *head)
{
	free(caa_container_of(head, struct path_table, rcu));
}

int path_table_slot(const struct path_table *table, uint8_t path_id)
{
	for (unsigned i = 0; i < table->len; i++) {
		if (table->slot[i].path_id == path_id)
			return (int)i;
	}
	return -1;
}

void path_table_retire(struct path_table *table)
{
	if (table)
		call_rcu(&table->rcu, free_table);
}

const char *bonding_mode_name(enum bonding_mode mode)
{
	switch (mode) {
	case BONDING_AGGREGATE:
		return "aggregate";
	case BONDING_REDUNDANT:
		return "redundant";
	case BONDING_FAILOVER:
		return "failover";
	}
	return "unknown";
}
