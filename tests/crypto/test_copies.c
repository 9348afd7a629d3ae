/* SPDX-License-Identifier: MIT */
#include "crypto/copies.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct copies copies;

Test(copies, knows_nothing_at_first)
{
	for (uint64_t counter = 0; counter < 2 * COPIES_KEPT; counter++)
		cr_expect(not(copies_has(&copies, counter)));
}

Test(copies, knows_the_latest_in_any_order)
{
	for (uint64_t counter = 1; counter < COPIES_KEPT; counter += 2)
		copies_note(&copies, counter ^ 6);
	for (uint64_t counter = 0; counter < COPIES_KEPT; counter++)
		cr_expect(eq(int, copies_has(&copies, counter), counter % 2), "%lu",
		          (unsigned long)counter);
}

Test(copies, forgets_what_is_too_long_ago_and_never_mixes_it_up)
{
	const uint64_t far = 1ull << 35;

	copies_note(&copies, 7);
	copies_note(&copies, COPIES_KEPT + 8);
	cr_expect(not(copies_has(&copies, 7)), "its place was taken");
	cr_expect(not(copies_has(&copies, 8)));
	cr_expect(not(copies_has(&copies, COPIES_KEPT + 7)));
	cr_expect(copies_has(&copies, COPIES_KEPT + 8));
	copies_note(&copies, 9); /* late */
	cr_expect(not(copies_has(&copies, 9)));
	cr_expect(copies_has(&copies, COPIES_KEPT + 8));
	copies_note(&copies, far);
	cr_expect(copies_has(&copies, far));
	cr_expect(not(copies_has(&copies, far + COPIES_KEPT)));
}
