/* SPDX-License-Identifier: MIT */
#include "sched/balance.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#define START_NS (1000 * NS_PER_S)
#define PATHS    3u

static struct balance *b;
static struct path_model model[PATHS];
static struct pull_path path[PATHS];
static unsigned len;
static uint64_t now_ns;

static void add_path(uint64_t mbps)
{
	path_model_init(&model[len]);
	capacity_train(&model[len].capacity, mbps * 125000 * 10 / 9);
	path[len] = (struct pull_path){
		.model = &model[len], .weight = 1, .path_id = (uint8_t)(9 - len)};
	len++;
}

static void begin(void)
{
	now_ns = START_NS;
	len = 0;
	add_path(100);
	add_path(50);
}

static void end(void)
{
	free(b);
	b = NULL;
}

TestSuite(balance, .init = begin, .fini = end);

static unsigned slot_of(uint32_t flow)
{
	return balance_slot(&b, path, len, flow, now_ns);
}

/* How many of flows @first .. @end - 1 are on slot @slot. */
static unsigned flows_on(unsigned slot, uint32_t first, uint32_t end_flow)
{
	unsigned count = 0;

	for (uint32_t flow = first; flow < end_flow; flow++)
		count += slot_of(flow) == slot;
	return count;
}

Test(balance, flows_are_shared_out_by_capacity)
{
	cr_expect(eq(u32, slot_of(0), 0));
	cr_expect(eq(u32, slot_of(1), 0), "two on 100 are as good as one on 50, which is later");
	cr_expect(eq(u32, slot_of(2), 1));
	cr_expect(eq(u32, flows_on(0, 0, 60), 40));
}

Test(balance, what_was_not_measured_is_thought_to_be_as_good_as_the_best)
{
	capacity_init(&model[1].capacity);
	cr_expect(eq(u32, slot_of(0), 0));
	cr_expect(eq(u32, slot_of(1), 1));
	capacity_init(&model[0].capacity);
	cr_expect(eq(u32, slot_of(2), 0));
	cr_expect(eq(u32, slot_of(3), 1));
}

Test(balance, of_equals_the_heavier_gets_the_next)
{
	len = 0;
	add_path(50);
	add_path(50);
	path[1].weight = 2;
	cr_expect(eq(u32, slot_of(0), 1));
	cr_expect(eq(u32, slot_of(1), 0));
}

Test(balance, a_flow_keeps_its_path_whatever_becomes_of_the_others)
{
	slot_of(0);
	capacity_init(&model[0].capacity);
	for (uint32_t flow = 1; flow < 30; flow++)
		slot_of(flow);
	for (unsigned i = 0; i < 100; i++, now_ns += BALANCE_IDLE_NS / 2)
		cr_assert(eq(u32, slot_of(0), 0));
}

Test(balance, one_that_was_silent_is_new)
{
	slot_of(0);
	cr_assert(eq(u32, slot_of(1), 0));
	now_ns += BALANCE_IDLE_NS - BALANCE_ACTIVE_NS / 2;
	slot_of(0);
	slot_of(2);
	now_ns += BALANCE_ACTIVE_NS / 2;
	cr_expect(eq(u32, slot_of(1), 1), "two are on the other");
}

Test(balance, the_silent_do_not_count)
{
	for (uint32_t flow = 0; flow < 11; flow++)
		slot_of(flow);
	cr_assert(eq(u32, slot_of(20), 1));
	now_ns += BALANCE_ACTIVE_NS;
	cr_expect(eq(u32, slot_of(21), 0));
}

Test(balance, it_leaves_a_path_that_is_gone)
{
	slot_of(0);
	path[0] = path[1];
	len = 1;
	cr_expect(eq(u32, slot_of(0), 0));
	begin();
	cr_expect(eq(u32, slot_of(0), 1), "and does not come back for that");
}

Test(balance, it_leaves_a_path_that_stays_suspect_and_a_new_one_avoids_it_at_once)
{
	slot_of(0);
	path[0].is_suspect = true;
	cr_expect(eq(u32, slot_of(0), 0));
	cr_expect(eq(u32, slot_of(1), 1));
	now_ns += BALANCE_SUSPECT_NS - 1;
	cr_expect(eq(u32, slot_of(0), 0));
	now_ns += 1;
	cr_expect(eq(u32, slot_of(0), 1));
	path[0].is_suspect = false;
	cr_expect(eq(u32, slot_of(0), 1));
}

Test(balance, suspect_for_a_moment_costs_nothing)
{
	slot_of(0);
	for (unsigned i = 0; i < 50; i++, now_ns += BALANCE_SUSPECT_NS / 2) {
		path[0].is_suspect = i % 2;
		cr_assert(eq(u32, slot_of(0), 0));
	}
}

Test(balance, if_all_are_suspect_one_of_them)
{
	path[0].is_suspect = path[1].is_suspect = true;
	for (unsigned i = 0; i < 10; i++, now_ns += BALANCE_SUSPECT_NS)
		cr_assert(lt(u32, slot_of(i), 2));
}

Test(balance, flows_are_counted_while_they_send)
{
	unsigned count[PATHS_MAX] = {0};

	balance_count(NULL, count, now_ns);
	for (uint32_t flow = 0; flow < 3; flow++)
		slot_of(flow);
	balance_count(b, count, now_ns);
	cr_expect(eq(u32, count[path[0].path_id], 2));
	cr_expect(eq(u32, count[path[1].path_id], 1));
	balance_count(b, count, now_ns + BALANCE_ACTIVE_NS);
	cr_expect(eq(u32, count[path[0].path_id], 2), "they are silent");
}
