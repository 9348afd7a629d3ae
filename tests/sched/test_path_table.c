/* SPDX-License-Identifier: MIT */
#include "sched/path_table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#define CASE_MAX 4u

static const struct table_case {
	const char *what;
	enum bonding_mode mode;
	struct path_candidate candidates[CASE_MAX];
	unsigned len;
	uint8_t ids[CASE_MAX]; /* expected, in order */
	unsigned ids_len;
} cases[] = {
	{"nothing usable", BONDING_AGGREGATE, {{0}}, 0, {0}, 0},
	{"nothing usable, failover", BONDING_FAILOVER, {{0}}, 0, {0}, 0},
	{"one", BONDING_AGGREGATE, {{7, 0, 1}}, 1, {7}, 1},
	{"order kept", BONDING_AGGREGATE, {{3, 0, 1}, {1, 0, 5}, {2, 0, 3}}, 3, {3, 1, 2}, 3},
	{"lowest rank only",
         BONDING_AGGREGATE,
         {{0, 1, 9}, {1, 0, 1}, {2, 1, 9}, {3, 0, 2}},
         4,
         {1, 3},
         2},
	{"rank need not begin at 0",
         BONDING_AGGREGATE,
         {{0, 9, 1}, {1, 4, 1}, {2, 255, 1}},
         3,
         {1},
         1},
	{"redundant takes all", BONDING_REDUNDANT, {{0, 0, 1}, {1, 0, 7}}, 2, {0, 1}, 2},
	{"redundant within the rank", BONDING_REDUNDANT, {{0, 2, 1}, {1, 1, 7}}, 2, {1}, 1},
	{"heaviest", BONDING_FAILOVER, {{0, 0, 1}, {1, 0, 8}, {2, 0, 3}}, 3, {1}, 1},
	{"first of equals", BONDING_FAILOVER, {{0, 0, 1}, {1, 0, 8}, {2, 0, 8}}, 3, {1}, 1},
	{"rank before weight", BONDING_FAILOVER, {{0, 1, 900}, {1, 0, 1}, {2, 0, 2}}, 3, {2}, 1},
};

static uint32_t weight_of(const struct table_case *c, uint8_t path_id)
{
	for (unsigned i = 0; i < c->len; i++) {
		if (c->candidates[i].path_id == path_id)
			return c->candidates[i].weight;
	}
	return 0;
}

Test(path_table, holds_what_the_mode_and_the_ranks_allow)
{
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		const struct table_case *c = &cases[n];
		struct path_table *table = path_table_build(c->mode, c->candidates, c->len);

		cr_assert(ne(ptr, table, NULL));
		cr_expect(eq(u32, table->mode, c->mode), "%s", c->what);
		cr_assert(eq(u32, table->len, c->ids_len), "%s", c->what);
		cr_expect(eq(int, path_table_slot(table, 200), -1));
		for (unsigned i = 0; i < table->len; i++) {
			cr_expect(eq(u8, table->slot[i].path_id, c->ids[i]), "%s", c->what);
			cr_expect(eq(int, path_table_slot(table, c->ids[i]), (int)i), "%s",
			          c->what);
			cr_expect(eq(u32, table->slot[i].weight, weight_of(c, c->ids[i])), "%s",
			          c->what);
		}
		free(table);
	}
}

Test(path_table, holds_the_greatest_number_of_paths)
{
	struct path_candidate candidates[PATHS_MAX];

	for (unsigned i = 0; i < PATHS_MAX; i++)
		candidates[i] =
			(struct path_candidate){.path_id = PATHS_MAX - 1 - i, .weight = i + 1};

	struct path_table *table = path_table_build(BONDING_REDUNDANT, candidates, PATHS_MAX);
	cr_assert(ne(ptr, table, NULL));
	cr_assert(eq(u32, table->len, PATHS_MAX));
	for (unsigned i = 0; i < PATHS_MAX; i++)
		cr_expect(eq(u8, table->slot[i].path_id, PATHS_MAX - 1 - i));
	free(table);
}

/* The address sanitizer finds a table freed too early here, and one never freed at the end. */
Test(path_table, retired_stays_readable_until_the_reader_is_quiescent)
{
	const struct path_candidate candidate = {.path_id = 5, .weight = 3};

	path_table_retire(NULL); /* allowed */
	rcu_register_thread();
	struct path_table *table = path_table_build(BONDING_AGGREGATE, &candidate, 1);
	cr_assert(ne(ptr, table, NULL));
	path_table_retire(table);
	cr_expect(eq(u32, table->len, 1));
	cr_expect(eq(u8, table->slot[0].path_id, 5));
	rcu_quiescent_state();
	rcu_thread_offline();
	rcu_barrier();
	rcu_unregister_thread();
}

Test(path_table, modes_have_the_names_of_the_configuration)
{
	cr_expect(eq(str, (char *)bonding_mode_name(BONDING_AGGREGATE), "aggregate"));
	cr_expect(eq(str, (char *)bonding_mode_name(BONDING_REDUNDANT), "redundant"));
	cr_expect(eq(str, (char *)bonding_mode_name(BONDING_FAILOVER), "failover"));
}
