/* SPDX-License-Identifier: MIT */
#include "sched/pick.h"

#include "../emulation.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 1500u

TestSuite(pick, .init = seed_random);

static struct path_table table_of(unsigned len, const uint32_t *weights)
{
	struct path_table table = {.mode = BONDING_AGGREGATE, .len = len};

	for (unsigned i = 0; i < len; i++)
		table.slot[i] = (struct path_slot){.path_id = i, .weight = weights[i]};
	return table;
}

/* Weights of three kinds: alike, anything, and far apart. */
static struct path_table random_table(unsigned len, unsigned kind)
{
	uint32_t weights[PATHS_MAX];

	for (unsigned i = 0; i < len; i++)
		weights[i] = kind == 0   ? 1 + random_below(10)
		             : kind == 1 ? 1 + random_below(1000000)
		                         : 1u << random_below(20);
	return table_of(len, weights);
}

Test(pick, equal_packets_come_in_the_smoothest_order)
{
	static const struct {
		unsigned len;
		uint32_t weights[3];
		const char *order;
	} cases[] = {
		{1, {4}, "aaaa"},          {2, {1, 1}, "abab"},  {3, {1, 2, 1}, "babcbabc"},
		{3, {5, 1, 1}, "aaabaac"}, {2, {3, 2}, "abaab"}, {2, {1, 3}, "bbba"},
	};

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct path_table table = table_of(cases[n].len, cases[n].weights);
		struct pick_state state = {0};

		for (const char *c = cases[n].order; *c; c++)
			cr_expect(eq(chr, (char)('a' + pick_path(&state, &table, 100)), *c),
			          "case %zu, turn %zu", n, (size_t)(c - cases[n].order));
	}
}

Test(pick, weight_two_among_ones_is_met_at_every_second_turn)
{
	struct path_table table = table_of(3, (uint32_t[]){1, 2, 1});
	struct pick_state state = {0};

	for (unsigned i = 0, last = 9; i < 1000; i++) {
		unsigned slot = pick_path(&state, &table, PACKET_MAX);

		cr_assert(ne(u32, slot, last), "turn %u", i);
		cr_assert(eq(u32, slot == 1, i % 2 == 0), "turn %u", i);
		last = slot;
	}
}

enum sizes {
	SIZES_EQUAL,
	SIZES_RANDOM,
	SIZES_IN_SPELLS, /* full packets for a while, then small ones */
};

static uint32_t next_bytes(enum sizes sizes, uint32_t last)
{
	if (sizes == SIZES_RANDOM)
		return 1 + random_below(PACKET_MAX);
	if (sizes == SIZES_IN_SPELLS && random_below(10) == 0)
		return random_below(2) ? PACKET_MAX : 40;
	return last;
}

/* Oracle: bytes of every path against its exact share, after every packet. */
static void check_shares(const struct path_table *table, unsigned turns, enum sizes sizes)
{
	struct pick_state state = {0};
	double sent[PATHS_MAX] = {0}, total = 0, weights = 0;
	uint32_t bytes = PACKET_MAX; /* the first is of full size: it sets the measure */

	for (unsigned i = 0; i < table->len; i++)
		weights += table->slot[i].weight;
	for (unsigned turn = 0; turn < turns; turn++) {
		sent[pick_path(&state, table, bytes)] += bytes;
		total += bytes;
		for (unsigned i = 0; i < table->len; i++) {
			double ahead = sent[i] - total * table->slot[i].weight / weights;

			cr_assert(lt(dbl, ahead, PACKET_MAX), "%u paths, turn %u", table->len,
			          turn);
			cr_assert(lt(dbl, -ahead, PACKET_MAX), "%u paths, turn %u", table->len,
			          turn);
		}
		bytes = next_bytes(sizes, bytes);
	}
}

Test(pick, bytes_follow_the_weights_for_any_number_of_paths)
{
	for (unsigned len = 1; len <= PATHS_MAX; len++) {
		for (unsigned round = 0; round < 27; round++) {
			struct path_table table = random_table(len, round % 3);

			check_shares(&table, fewer_emulated(1000), round / 3 % 3);
		}
	}
}

/* Found by search: with deadlines from the run at hand instead of the largest, a path falls 2041
 * bytes behind here.
 */
Test(pick, small_runs_between_large_ones_do_not_hide_a_deadline)
{
	set_random(1462);
	struct path_table table = random_table(16, 2);

	check_shares(&table, 1000, SIZES_IN_SPELLS);
}

Test(pick, equal_weights_mean_equal_bytes_when_sizes_differ)
{
	struct path_table table = table_of(2, (uint32_t[]){1, 1});
	struct pick_state state = {0};
	int64_t sent[2] = {0};

	for (unsigned i = 0; i < 1000; i++) { /* turn about would give 1500 : 40 */
		uint32_t bytes = i % 2 ? 40 : 1500;

		sent[pick_path(&state, &table, bytes)] += bytes;
	}
	cr_expect(le(i64, llabs(sent[0] - sent[1]), 1500));
}

Test(pick, the_greatest_weights_and_runs_do_not_overflow)
{
	uint32_t weights[PATHS_MAX];
	for (unsigned i = 0; i < PATHS_MAX; i++)
		weights[i] = 1000000;

	struct path_table table = table_of(PATHS_MAX, weights);
	struct pick_state state = {0};
	unsigned met[PATHS_MAX] = {0};
	for (unsigned i = 0; i < 100 * PATHS_MAX; i++)
		met[pick_path(&state, &table, UINT32_MAX)]++;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		cr_expect(eq(u32, met[i], 100));
}

/* Deadlines of weights and runs at their greatest take 80 bits. */
Test(pick, the_greatest_runs_follow_unequal_weights)
{
	const uint32_t weights[] = {1000000, 3, 999983, 524288, 1, 65537, 786433, 250000};
	struct path_table table = table_of(sizeof weights / sizeof *weights, weights);
	struct pick_state state = {0};
	double sent[PATHS_MAX] = {0}, total = 0, sum = 0;

	for (unsigned i = 0; i < table.len; i++)
		sum += weights[i];
	for (unsigned turn = 0; turn < 2000; turn++) {
		sent[pick_path(&state, &table, UINT32_MAX)] += 1;
		total += 1;
		for (unsigned i = 0; i < table.len; i++) {
			double ahead = sent[i] - total * weights[i] / sum;

			cr_assert(lt(dbl, ahead, 1), "path %u, turn %u", i, turn);
			cr_assert(lt(dbl, -ahead, 1), "path %u, turn %u", i, turn);
		}
	}
}

Test(pick, the_same_paths_in_a_new_table_go_on_where_they_were)
{
	struct path_table tables[2] = {table_of(3, (uint32_t[]){5, 3, 2}),
	                               table_of(3, (uint32_t[]){5, 3, 2})};
	struct pick_state state = {0}, steady = {0};

	for (unsigned i = 0; i < 1000; i++)
		cr_assert(eq(u32, pick_path(&state, &tables[i % 2], 1000),
		             pick_path(&steady, &tables[0], 1000)),
		          "turn %u", i);
}

Test(pick, a_path_that_was_away_returns_without_a_debt)
{
	struct path_table both = table_of(2, (uint32_t[]){1, 1});
	struct path_table alone = table_of(1, (uint32_t[]){1});
	struct pick_state state = {0};

	for (unsigned cycle = 0; cycle < 200; cycle++) {
		for (unsigned i = 0; i < 1 + cycle % 7; i++)
			pick_path(&state, &both, 1 + random_below(PACKET_MAX));
		for (unsigned i = 0; i < 500; i++)
			cr_assert(eq(u32, pick_path(&state, &alone, PACKET_MAX), 0));

		struct pick_state back = state;
		unsigned met[2] = {0};
		for (unsigned i = 0; i < 20; i++)
			met[pick_path(&back, &both, PACKET_MAX)]++;
		cr_assert(eq(u32, met[0], 10), "cycle %u", cycle);
	}
}

Test(pick, new_weights_change_the_unit_and_not_the_debt)
{
	struct path_table heavy = table_of(2, (uint32_t[]){1000000, 1000000});
	struct path_table light = table_of(2, (uint32_t[]){1, 1});
	struct pick_state state = {0};

	pick_path(&state, &heavy, PACKET_MAX); /* the first has had one packet */
	unsigned met[2] = {0};
	for (unsigned i = 0; i < 21; i++)
		met[pick_path(&state, &light, PACKET_MAX)]++;
	cr_expect(eq(u32, met[0], 10));
	cr_expect(eq(u32, met[1], 11));
}

/* Credits are bounded whatever the tables do: no sequence of changes may let one path run away. */
Test(pick, credits_stay_small_through_random_changes)
{
	struct path_table tables[8];
	struct pick_state state = {0};

	for (unsigned change = 0; change < 2000; change++) {
		struct path_table *table = &tables[change % 8];

		*table = random_table(1 + random_below(PATHS_MAX), random_below(3));
		for (unsigned i = 0; i < table->len; i++) /* any ids, each once */
			table->slot[i].path_id = (i * 5 + change) % PATHS_MAX;
		for (unsigned i = 0, turns = 1 + random_below(20); i < turns; i++)
			pick_path(&state, table, 1 + random_below(PACKET_MAX));
		for (unsigned i = 0; i < PATHS_MAX; i++)
			cr_assert(
				lt(i64, llabs(state.credit[i] / state.weight_sum), 4 * PACKET_MAX),
				"change %u", change);
	}
}

Test(pick, another_path_of_the_same_weight_inherits_nothing)
{
	struct path_table one = table_of(2, (uint32_t[]){1, 1});
	struct path_table other = one;
	struct pick_state state = {0};

	other.slot[1].path_id = 2;
	pick_path(&state, &one, PACKET_MAX); /* path 1 is owed half a packet now */
	pick_path(&state, &other, PACKET_MAX);
	cr_expect(eq(i64, state.credit[1], 0));
	cr_expect(eq(i64, state.credit[0] + state.credit[2], 0));
}

/* The credits tell by themselves that the paths have changed: freed tables' addresses come again.
 */
Test(pick, a_table_at_a_used_address_is_a_new_one)
{
	struct path_table table = table_of(2, (uint32_t[]){1000, 1000});
	struct pick_state state = {0};
	unsigned met[2] = {0};

	pick_path(&state, &table, PACKET_MAX);
	table = table_of(2, (uint32_t[]){1, 3});
	for (unsigned i = 0; i < 40; i++)
		met[pick_path(&state, &table, PACKET_MAX)]++;
	cr_expect(ge(u32, met[0], 9));
	cr_expect(le(u32, met[0], 10));
	cr_expect(eq(u32, met[0] + met[1], 40));
}

Test(pick, empty_runs_take_turns_too)
{
	struct path_table table = table_of(2, (uint32_t[]){1, 1});
	struct pick_state state = {0};

	for (unsigned i = 0; i < 10; i++)
		cr_expect(eq(u32, pick_path(&state, &table, 0), i % 2), "turn %u", i);
}

/* ---- runs ---- */

static int64_t credit_sum(const struct pick_state *state, const struct path_table *table)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < table->len; i++)
		sum += state->credit[table->slot[i].path_id];
	return sum;
}

/* Runs of one packet up to RUN_MAX bytes, whatever the path: the first packet is picked for, the
 * rest is charged. As in check_shares() a path gets no more than a run ahead of its share or behind
 * it, the longest that was; a run exceeds its length by a packet at most.
 */
#define RUN_MAX 65536u

static void check_runs(const struct path_table *table, unsigned runs)
{
	struct pick_state state = {0};
	double sent[PATHS_MAX] = {0}, total = 0, weights = 0;
	double limit = RUN_MAX + PACKET_MAX;

	for (unsigned i = 0; i < table->len; i++)
		weights += table->slot[i].weight;
	for (unsigned run = 0; run < runs; run++) {
		uint32_t left = run ? 1 + random_below(RUN_MAX) : RUN_MAX; /* sets the measure */
		uint32_t bytes = 1 + random_below(PACKET_MAX);
		unsigned slot = pick_path(&state, table, bytes);

		for (;;) {
			sent[slot] += bytes;
			total += bytes;
			cr_assert(eq(i64, credit_sum(&state, table), 0));
			left -= bytes < left ? bytes : left;
			if (!left)
				break;
			bytes = 1 + random_below(PACKET_MAX);
			pick_charge(&state, table, slot, bytes);
		}
		for (unsigned i = 0; i < table->len; i++) {
			double ahead = sent[i] - total * table->slot[i].weight / weights;

			cr_assert(lt(dbl, ahead, limit), "%u paths, run %u", table->len, run);
			cr_assert(lt(dbl, -ahead, limit), "%u paths, run %u", table->len, run);
			cr_assert(lt(dbl, -state.credit[table->slot[i].path_id] / weights - ahead,
			             1));
			cr_assert(
				lt(dbl, ahead + state.credit[table->slot[i].path_id] / weights, 1));
		}
	}
}

/* Found by this test: with deadlines from single packets one of 16 paths fell five runs behind. */
Test(pick, bytes_follow_the_weights_within_one_run)
{
	for (unsigned len = 1; len <= PATHS_MAX; len++) {
		for (unsigned round = 0; round < 9; round++) {
			struct path_table table = random_table(len, round % 3);

			check_runs(&table, fewer_emulated(300));
		}
	}
}

/* A charge for a new table first makes the credits those of that table. */
Test(pick, a_charge_notices_another_table)
{
	struct path_table three = table_of(3, (uint32_t[]){5, 1, 1});
	struct path_table two = table_of(2, (uint32_t[]){1, 3});
	struct pick_state state = {0};

	for (unsigned i = 0; i < 100; i++)
		pick_path(&state, &three, 1 + random_below(PACKET_MAX));
	pick_charge(&state, &two, 0, 4000);
	cr_expect(eq(i64, credit_sum(&state, &two), 0));
	cr_expect(eq(i64, state.weight_sum, 4));
	cr_expect(eq(i64, state.credit[2], 0));
	cr_expect(eq(uint, pick_path(&state, &two, PACKET_MAX), 1));
}
