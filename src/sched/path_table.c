/* SPDX-License-Identifier: MIT */
#include "sched/path_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Whether @a goes before @b, which was met after it. */
static bool goes_before(enum bonding_mode mode, const struct path_candidate *a,
                        const struct path_candidate *b)
{
	return a->rank < b->rank ||
	       (a->rank == b->rank && (mode != BONDING_FAILOVER || a->weight >= b->weight));
}

/* Sorted by insertion: they are 16 at most, and as a rule in order. */
static void sort(enum bonding_mode mode, struct path_candidate *c, unsigned len)
{
	for (unsigned i = 1; i < len; i++) {
		struct path_candidate moved = c[i];
		unsigned at = i;

		for (; at > 0 && !goes_before(mode, &c[at - 1], &moved); at--)
			c[at] = c[at - 1];
		c[at] = moved;
	}
}

static void fill(struct path_table *table, const struct path_candidate *sorted, unsigned len)
{
	uint8_t rank = 0;

	for (unsigned i = 0; i < len; i++) {
		const struct path_candidate *c = &sorted[i];

		assert(c->weight > 0 && c->path_id < PATHS_MAX);
		if (i > 0 && (table->mode == BONDING_FAILOVER || c->rank != sorted[i - 1].rank))
			rank++;
		table->slot[i] = (struct path_slot){.path_id = c->path_id,
		                                    .rank = rank,
		                                    .role = c->rank,
		                                    .weight = c->weight,
		                                    .packet_max = c->packet_max,
		                                    .limit = {c->limit[0], c->limit[1]}};
		table->is_limited |= c->limit[0].kbps || c->limit[1].kbps;
		table->len += rank == 0;
		table->spare += rank != 0;
	}
}

static void reckon_fits(struct path_table *table)
{
	bool is_any = false;

	for (unsigned i = 0; i < table->len; i++) {
		uint16_t max = table->slot[i].packet_max;

		is_any |= !max;
		if (max > table->fits_one)
			table->fits_one = max;
		if (max && (!table->fits_all || max < table->fits_all))
			table->fits_all = max;
	}
	if (is_any)
		table->fits_one = 0;
}

void path_table_fill(struct path_table *table, enum bonding_mode mode,
                     const struct path_candidate *candidates, unsigned len)
{
	struct path_candidate sorted[PATHS_MAX];

	assert(len <= PATHS_MAX);
	*table = (struct path_table){.mode = mode};
	if (len)
		memcpy(sorted, candidates, len * sizeof *sorted);
	sort(mode, sorted, len);
	fill(table, sorted, len);
	reckon_fits(table);
}

struct path_table *path_table_build(enum bonding_mode mode, const struct path_candidate *candidates,
                                    unsigned len)
{
	struct path_table *table = malloc(sizeof(*table));

	if (table)
		path_table_fill(table, mode, candidates, len);
	return table;
}

static bool has_same_limits(const struct path_slot *a, const struct path_slot *b)
{
	for (unsigned k = 0; k < LIMITS; k++) {
		if (a->limit[k].kbps != b->limit[k].kbps || a->limit[k].link != b->limit[k].link)
			return false;
	}
	return true;
}

static bool is_same_slot(const struct path_slot *a, const struct path_slot *b)
{
	return a->path_id == b->path_id && a->role == b->role && a->weight == b->weight &&
	       a->packet_max == b->packet_max && has_same_limits(a, b);
}

bool path_table_is_same(const struct path_table *a, const struct path_table *b)
{
	if (a->mode != b->mode || a->len != b->len || a->spare != b->spare)
		return false;
	for (unsigned i = 0; i < path_table_all(a); i++) {
		if (!is_same_slot(&a->slot[i], &b->slot[i]))
			return false;
	}
	return true;
}

uint16_t path_table_mask(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < path_table_all(table); i++)
		mask |= (uint16_t)(1u << table->slot[i].path_id);
	return mask;
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

uint32_t path_table_packet_max(const struct path_table *table, uint8_t path_id)
{
	unsigned max = 0;

	for (unsigned i = 0; i < path_table_all(table); i++) {
		if (table->slot[i].path_id == path_id)
			max = table->slot[i].packet_max;
	}
	return max ? max : UINT32_MAX;
}

uint16_t path_table_mask_for(const struct path_table *table, uint32_t bytes)
{
	bool fits_none = !path_table_fits_one(table, bytes);
	uint16_t mask = 0;

	for (unsigned i = 0; i < table->len; i++) {
		if (fits_none || path_slot_fits(&table->slot[i], bytes))
			mask |= (uint16_t)(1u << table->slot[i].path_id);
	}
	return mask;
}

uint8_t path_table_first(const struct path_table *table, uint16_t mask)
{
	unsigned i = 0;

	while (i + 1 < table->len && !(mask >> table->slot[i].path_id & 1))
		i++;
	return table->slot[i].path_id;
}

uint8_t path_table_heaviest(const struct path_table *table, uint16_t mask)
{
	const struct path_slot *best = NULL;

	for (unsigned i = 0; i < table->len; i++) {
		const struct path_slot *slot = &table->slot[i];

		if (mask >> slot->path_id & 1 && (!best || slot->weight > best->weight))
			best = slot;
	}
	return best->path_id;
}

uint16_t path_table_takers(const struct path_table *table, uint32_t bytes)
{
	uint16_t mask = path_table_mask_for(table, bytes);

	return mask && table->mode == BONDING_LOWLAT
	               ? (uint16_t)(1u << path_table_heaviest(table, mask))
	               : mask;
}

void path_table_retire(struct path_table *table)
{
	if (table)
		call_rcu(&table->rcu, free_table);
}

bool bonding_mode_is_ordered(enum bonding_mode mode)
{
	return mode != BONDING_REDUNDANT && mode != BONDING_LOWLAT;
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
	case BONDING_LOWLAT:
		return "lowlat";
	case BONDING_BALANCE:
		return "balance";
	}
	return "unknown";
}
