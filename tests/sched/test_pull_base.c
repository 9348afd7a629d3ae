/* SPDX-License-Identifier: MIT */
#include "sched/pull_base.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define MBPS(n)  ((uint64_t)(n)*125000)

static struct pull_base chosen;
static struct path_model model[2];
static struct pull_path path[2];

static void set_path(unsigned slot, uint64_t mbps, int64_t delay_ms, uint32_t weight)
{
	struct path_model *m = &model[slot];

	path_model_init(m);
	capacity_train(&m->capacity, MBPS(mbps) * 10 / 9);
	for (unsigned i = 0; i < 10; i++)
		owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, START_NS);
	path[slot] =
		(struct pull_path){.model = m, .weight = weight, .path_id = (uint8_t)(4 + slot)};
}

static unsigned base(void)
{
	pull_choose_base(&chosen, path, 2);
	cr_assert(chosen.is_chosen);
	return chosen.path_id - 4u;
}

Test(pull_base, ways_are_longer_by_each_halving_of_the_weight)
{
	int64_t way_ns[PATHS_MAX];

	set_path(0, 100, 10, 400);
	set_path(1, 100, 10, 100);
	pull_ways(path, 2, way_ns);
	cr_expect(eq(i64, way_ns[1] - way_ns[0], 2 * (int64_t)PULL_BIAS_NS));
	set_path(1, 100, 13, 400);
	pull_ways(path, 2, way_ns);
	cr_expect(eq(i64, way_ns[1] - way_ns[0], 3 * (int64_t)NS_PER_MS));
}

Test(pull_base, a_weight_counts_eight_halvings_at_most)
{
	int64_t way_ns[PATHS_MAX];

	set_path(0, 100, 10, 1u << 20);
	set_path(1, 100, 10, 1);
	pull_ways(path, 2, way_ns);
	cr_expect(eq(i64, way_ns[1] - way_ns[0], 8 * (int64_t)PULL_BIAS_NS));
}

Test(pull_base, it_is_the_shortest)
{
	set_path(0, 100, 60, 1);
	set_path(1, 50, 10, 1);
	cr_expect(eq(u32, base(), 1));
}

Test(pull_base, it_is_a_longer_one_where_the_shortest_is_thin)
{
	set_path(0, 2, 1, 1);
	set_path(1, 700, 30, 1);
	cr_expect(eq(u32, base(), 1));
}

Test(pull_base, it_stays_unless_another_is_quicker_by_a_fifth)
{
	set_path(0, 100, 10, 1);
	set_path(1, 90, 10, 1);
	cr_assert(eq(u32, base(), 0));
	capacity_train(&model[1].capacity, MBPS(115) * 10 / 9);
	cr_expect(eq(u32, base(), 0));
	capacity_train(&model[1].capacity, MBPS(140) * 10 / 9);
	cr_expect(eq(u32, base(), 1));
}

Test(pull_base, of_a_path_that_is_not_known_weights_decide_as_of_others)
{
	set_path(0, 50, 10, 100);
	set_path(1, 100, 10, 400);
	capacity_init(&model[1].capacity);
	cr_expect(eq(u32, base(), 1));
	chosen = (struct pull_base){0};
	set_path(1, 50, 10, 100);
	set_path(0, 100, 10, 400);
	capacity_init(&model[0].capacity);
	cr_expect(eq(u32, base(), 0));
}

Test(pull_base, a_weight_decides_between_those_of_which_a_little_else_was_measured)
{
	set_path(0, 30, 10, 100);
	set_path(1, 26, 10, 200);
	cr_expect(eq(u32, base(), 1));
	chosen = (struct pull_base){0};
	set_path(0, 90, 10, 100);
	cr_expect(eq(u32, base(), 0));
}

Test(pull_base, when_it_is_gone_another_takes_its_place)
{
	set_path(0, 100, 10, 1);
	set_path(1, 90, 10, 1);
	cr_assert(eq(u32, base(), 0));
	pull_choose_base(&chosen, path + 1, 1);
	cr_expect(eq(u32, chosen.path_id, path[1].path_id));
}
