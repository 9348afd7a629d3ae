/* SPDX-License-Identifier: MIT */
#include "control/budget.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START (1000 * NS_PER_S)

/* What a full budget buys. */
#define FULL_CPU_NS (BUDGET_ROOM_NS * BUDGET_PERCENT / 100)

Test(budget, is_full_at_first_and_used_up_by_its_share)
{
	struct budget b = {0};

	cr_expect(budget_has(&b, START));
	budget_charge(&b, FULL_CPU_NS - 1000, START);
	cr_expect(budget_has(&b, START));
	budget_charge(&b, 1001, START);
	cr_expect(not(budget_has(&b, START)));
}

Test(budget, half_is_back_after_half_the_time)
{
	struct budget b = {0};

	budget_charge(&b, FULL_CPU_NS, START);
	cr_expect(eq(u64, budget_back_ns(&b, START), START + BUDGET_ROOM_NS / 2));
	cr_expect(budget_has(&b, START + BUDGET_ROOM_NS / 2));
	cr_expect(eq(u64, budget_back_ns(&b, START + BUDGET_ROOM_NS), START + BUDGET_ROOM_NS));
}

Test(budget, what_was_overdrawn_is_paid_back_first)
{
	struct budget b = {0};

	budget_charge(&b, 11 * FULL_CPU_NS, START);
	cr_expect(eq(u64, budget_back_ns(&b, START),
	             START + 10 * BUDGET_ROOM_NS + BUDGET_ROOM_NS / 2));
	cr_expect(not(budget_has(&b, START + 10 * BUDGET_ROOM_NS - 1)));
}

/* Whatever a piece of work costs, and however late we wake: in the long run no more than the share.
 */
static void flood(uint64_t piece_ns, uint64_t late_ns)
{
	struct budget b = {0};
	uint64_t now_ns = START, used_ns = 0, turns = 0;

	while (now_ns < START + 100 * NS_PER_S) {
		if (!budget_has(&b, now_ns)) {
			now_ns = budget_back_ns(&b, now_ns) + late_ns;
			turns++;
			continue;
		}
		budget_charge(&b, piece_ns, now_ns);
		used_ns += piece_ns;
		now_ns += piece_ns;
	}
	cr_expect(
		le(u64, used_ns, (now_ns - START) * BUDGET_PERCENT / 100 + FULL_CPU_NS + piece_ns),
		"pieces of %llu ns", (unsigned long long)piece_ns);
	cr_expect(ge(u64, used_ns, 10 * NS_PER_S), "too little is done: %llu ns",
	          (unsigned long long)used_ns);
	cr_expect(le(u64, turns, 100 * NS_PER_S / (BUDGET_ROOM_NS / 2) + 1));
}

Test(budget, flood_takes_its_share_and_no_more)
{
	flood(10 * NS_PER_US, 0);
	flood(300 * NS_PER_US, 0);
	flood(300 * NS_PER_US, NS_PER_MS);
	flood(20 * NS_PER_MS, 0);
}
