/* SPDX-License-Identifier: MIT */
#include "control/routing_loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

Test(routing_loop, nothing_is_said_while_nothing_comes_back)
{
	struct routing_loop loop = {0};
	uint64_t fresh = 7;

	for (uint64_t s = 1; s < 1000; s++)
		cr_assert(not(routing_loop_note(&loop, 0, s * NS_PER_S, &fresh)));
	cr_expect(eq(u64, fresh, 7));
}

Test(routing_loop, first_one_is_said_at_once_and_a_lasting_one_rarely)
{
	struct routing_loop loop = {0};
	unsigned lines = 0;
	uint64_t fresh, sum = 0;

	for (uint64_t s = 100; s < 100 + 10 * ROUTING_LOOP_AGAIN_S; s++) {
		if (!routing_loop_note(&loop, s - 99, s * NS_PER_S, &fresh))
			continue;
		cr_expect(eq(u64, (s - 100) % ROUTING_LOOP_AGAIN_S, 0));
		sum += fresh;
		lines++;
	}
	cr_expect(eq(uint, lines, 10));
	cr_expect(eq(u64, sum, 9 * ROUTING_LOOP_AGAIN_S + 1));
}

Test(routing_loop, one_that_ended_and_comes_again_is_said_again)
{
	struct routing_loop loop = {0};
	uint64_t fresh;

	cr_assert(routing_loop_note(&loop, 5, 50 * NS_PER_S, &fresh));
	cr_expect(eq(u64, fresh, 5));
	cr_assert(not(routing_loop_note(&loop, 5, 500 * NS_PER_S, &fresh)));
	cr_assert(routing_loop_note(&loop, 6, 501 * NS_PER_S, &fresh));
	cr_expect(eq(u64, fresh, 1));
}
