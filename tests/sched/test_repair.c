/* SPDX-License-Identifier: MIT */
#include "sched/repair.h"

#include <stdlib.h>

#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define KEY 5u

static struct repair *repair;

static void end(void)
{
	free(repair);
}

TestSuite(repair, .fini = end);

static bool add(uint64_t first, uint32_t len, uint8_t from)
{
	const struct repair_range range = {.first = first, .len = len, .key = KEY, .from = from};

	return repair_add(&repair, &range);
}

Test(repair, what_waits_goes_in_order)
{
	add(10, 2, 1);
	add(30, 1, 2);
	uint64_t want[] = {10, 11, 30};
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(repair_is_waiting(repair));
		struct repair_range one = repair_peek(repair);
		cr_expect(eq(u64, one.first, want[i]));
		cr_expect(eq(u32, one.len, 1));
		repair_sent(repair, 100 + i);
	}
	cr_expect(not(repair_is_waiting(repair)));
}

Test(repair, neighbours_become_one_range)
{
	for (unsigned i = 0; i < 10 * REPAIR_WAITING_MAX; i++)
		cr_assert(add(i, 1, 1));
	cr_expect(eq(u32, repair->end - repair->first, 1));
	cr_assert(add(10 * REPAIR_WAITING_MAX, 1, 2), "another path: another range");
	cr_expect(eq(u32, repair->end - repair->first, 2));
}

Test(repair, too_much_is_refused)
{
	for (unsigned i = 0; i < REPAIR_WAITING_MAX; i++)
		cr_assert(add(2 * i, 1, 1));
	cr_expect(not(add(5000, 1, 1)));
	repair_skip(repair);
	cr_expect(add(5000, 1, 1));
}

Test(repair, what_was_sent_waits_once_to_be_sent_again)
{
	const struct repair_range one = {.first = 10, .len = 1, .key = KEY, .attempt = 1};

	add(10, 1, 0);
	repair_sent(repair, 100);
	cr_expect(repair_add_again(&repair, &one, repair_find(repair, KEY, 0, 10)));
	cr_expect(not(repair_add_again(&repair, &one, repair_find(repair, KEY, 0, 10))));
	repair_sent(repair, 200);
	cr_expect(not(repair_is_waiting(repair)));
	cr_expect(repair_add_again(&repair, &one, repair_find(repair, KEY, 0, 10)), "it was sent");
}

Test(repair, what_was_sent_is_found_the_latest_time)
{
	struct repair_range again = {.first = 7, .len = 1, .key = KEY, .attempt = 1};

	add(7, 1, 1);
	repair_sent(repair, 1000);
	repair_add(&repair, &again);
	repair_sent(repair, 2000);
	const struct repair_recent *found = repair_find(repair, KEY, 0, 7);
	cr_assert(found != NULL);
	cr_expect(eq(u64, found->sent_ns, 2000));
	cr_expect(eq(u8, found->attempt, 1));
	cr_expect(repair_find(repair, KEY, 0, 8) == NULL);
	cr_expect(repair_find(repair, KEY + 1, 0, 7) == NULL, "another keypair");
	cr_expect(repair_find(repair, KEY, 1, 7) == NULL, "another lane");
}

Test(repair, what_was_skipped_was_not_sent)
{
	add(7, 1, 1);
	repair_skip(repair);
	cr_expect(repair_find(repair, KEY, 0, 7) == NULL);
}

Test(repair, long_ago_is_forgotten)
{
	add(0, REPAIR_RECENT_MAX + 1, 1);
	for (unsigned i = 0; i <= REPAIR_RECENT_MAX; i++)
		repair_sent(repair, i);
	cr_expect(repair_find(repair, KEY, 0, 0) == NULL);
	cr_expect(repair_find(repair, KEY, 0, 1) != NULL);
}

/* Of the same digits, or few. */
static uint64_t some_counter(void)
{
	return random_once_in(2) ? random_below(300) : random_below(1 << 10) * 256ull;
}

/* Beside a slow reading of the same: the latest of the last ones. */
Test(repair, those_of_lately_are_found_and_no_others)
{
	static uint64_t sent[20000];

	set_random(7);
	for (unsigned len = 0; len < 20000;) {
		const struct repair_recent *found;
		uint64_t wanted = some_counter();
		unsigned back;

		sent[len] = some_counter();
		add(sent[len], 1, 1);
		repair_sent(repair, len++);
		for (back = 0; back < len && back < REPAIR_RECENT_MAX; back++) {
			if (sent[len - 1 - back] == wanted)
				break;
		}
		found = repair_find(repair, KEY, 0, wanted);
		if (back == len || back == REPAIR_RECENT_MAX) {
			cr_assert(found == NULL);
			continue;
		}
		cr_assert(found != NULL);
		cr_assert(eq(u64, found->sent_ns, len - 1 - back));
	}
}
