/* SPDX-License-Identifier: MIT */
#include "control/walk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW 1000u

static uint64_t now_ns = NOW;
static struct deadline_heap heap;
static struct walk walk;
static size_t steps, last;
static unsigned cost = 1, ends;

static unsigned step(void *arg, size_t i, uint64_t at_ns)
{
	cr_assert(eq(ptr, arg, &steps));
	cr_assert(eq(u64, at_ns, now_ns));
	cr_assert(eq(sz, i, steps ? last + 1 : 0), "out of order");
	last = i;
	steps++;
	return cost;
}

static void done(void *arg, uint64_t at_ns)
{
	(void)arg, (void)at_ns;
	ends++;
}

static const struct walk_calls calls = {.step = step, .done = done};

static void start(void)
{
	walk_init(&walk, &heap, &calls, &steps, 10);
}

static void stop(void)
{
	deadline_heap_fini(&heap);
}

/* Of the loop; time goes on. Returns how many deadlines were due. */
static size_t turn(void)
{
	size_t due = deadline_run(&heap, now_ns);

	now_ns++;
	return due;
}

TestSuite(walk, .init = start, .fini = stop);

Test(walk, a_turn_does_a_part_and_all_turns_do_all)
{
	cr_assert(eq(int, walk_begin(&walk, 25, now_ns), 0));
	cr_assert(eq(sz, steps, 0), "it began within the turn that asked for it");
	for (unsigned n = 1; n <= 3; n++) {
		cr_assert(walk_is_under_way(&walk));
		cr_assert(le(u64, deadline_next_ns(&heap), now_ns), "the loop would sleep");
		turn();
		cr_assert(eq(sz, steps, n < 3 ? 10 * n : 25));
	}
	cr_assert(eq(uint, ends, 1));
	cr_assert(not(walk_is_under_way(&walk)));
	cr_assert(eq(sz, turn(), 0));
}

Test(walk, dear_steps_end_a_turn_early)
{
	cost = 6;
	cr_assert(eq(int, walk_begin(&walk, 3, now_ns), 0));
	turn();
	cr_assert(eq(sz, steps, 2));
	cost = 100;
	turn();
	cr_assert(eq(sz, steps, 3), "however dear, one goes");
	cr_assert(eq(uint, ends, 1));
}

Test(walk, through_nothing_ends_at_once)
{
	cr_assert(eq(int, walk_begin(&walk, 0, now_ns), 0));
	turn();
	cr_assert(eq(sz, steps, 0));
	cr_assert(eq(uint, ends, 1));
}

Test(walk, one_that_is_begun_anew_begins_at_the_first)
{
	cr_assert(eq(int, walk_begin(&walk, 25, now_ns), 0));
	turn();
	steps = 0;
	cr_assert(eq(int, walk_begin(&walk, 5, now_ns), 0));
	turn();
	cr_assert(eq(sz, steps, 5));
	cr_assert(eq(uint, ends, 1));
}

Test(walk, one_that_is_stopped_calls_nobody)
{
	cr_assert(eq(int, walk_begin(&walk, 25, now_ns), 0));
	turn();
	walk_stop(&walk);
	cr_assert(not(walk_is_under_way(&walk)));
	turn();
	cr_assert(eq(sz, steps, 10));
	cr_assert(eq(uint, ends, 0));
	walk_stop(&walk);
}
