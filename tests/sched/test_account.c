/* SPDX-License-Identifier: MIT */
#include "sched/account.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct account account;

Test(account, what_went_over_a_path_is_its_own_and_the_others_have_copies)
{
	struct account_counts counts;

	account_sent(&account, ACCOUNT_BULK, 3, 1u << 3, 1000);
	account_sent(&account, ACCOUNT_BULK, 3, 1u << 1 | 1u << 3 | 1u << 15, 100);
	account_sent(&account, ACCOUNT_URGENT, 15, 1u << 15, 10);
	account_read(&account, 3, &counts);
	cr_expect(eq(u64, counts.bytes[ACCOUNT_BULK], 1100));
	cr_expect(eq(u64, account_bytes(&counts), 1100));
	account_read(&account, 1, &counts);
	cr_expect(eq(u64, counts.bytes[ACCOUNT_COPY], 100));
	account_read(&account, 15, &counts);
	cr_expect(eq(u64, counts.bytes[ACCOUNT_COPY], 100));
	cr_expect(eq(u64, counts.bytes[ACCOUNT_URGENT], 10));
	cr_expect(eq(u64, account_bytes(&counts), 110));
}

Test(account, what_came_since_is_the_difference)
{
	struct account_counts before, now, since;

	account_sent(&account, ACCOUNT_REPAIR, 0, 1, 1);
	account_read(&account, 0, &before);
	account_sent(&account, ACCOUNT_REPAIR, 0, 1, 20);
	account_sent(&account, ACCOUNT_BY_TABLE, 0, 1, 300);
	account_read(&account, 0, &now);
	account_since(&before, &now, &since);
	cr_expect(eq(u64, since.bytes[ACCOUNT_REPAIR], 20));
	cr_expect(eq(u64, since.bytes[ACCOUNT_BY_TABLE], 300));
	cr_expect(eq(u64, account_bytes(&since), 320));
}

Test(account, flows_are_those_that_were_counted_last)
{
	const unsigned count[PATHS_MAX] = {[3] = 7};
	struct account_counts before, now, since;

	cr_expect(account_wants_flows(&account, ACCOUNT_FLOWS_NS));
	account_flows(&account, count, ACCOUNT_FLOWS_NS);
	cr_expect(not(account_wants_flows(&account, 2 * ACCOUNT_FLOWS_NS - 1)));
	cr_expect(account_wants_flows(&account, 2 * ACCOUNT_FLOWS_NS));
	cr_expect(not(account_wants_flows(NULL, NS_PER_S)));
	account_read(&account, 3, &before);
	now = before;
	account_since(&before, &now, &since);
	cr_expect(eq(u16, since.flows, 7));
	account_read(&account, 4, &now);
	cr_expect(eq(u16, now.flows, 0));
}

Test(account, none_is_kept_where_nobody_wants_to_know)
{
	account_sent(NULL, ACCOUNT_BULK, 0, 1, 1);
}

Test(account, is_empty_until_something_was_sent_or_found)
{
	cr_expect(account_is_empty(&(struct account_counts){.need_ns = 7}));
	cr_expect(not(account_is_empty(&(struct account_counts){.bytes[ACCOUNT_COPY] = 1})));
	cr_expect(not(account_is_empty(&(struct account_counts){.found[FOUND_SPARE] = 1})));
}

Test(account, has_memory_for_paths_that_something_is_counted_of)
{
	struct account_counts counts;

	account_sent(&account, ACCOUNT_BULK, 3, 1u << 3, 1000);
	cr_expect(ne(ptr, account.path[3], NULL));
	cr_expect(eq(ptr, account.path[4], NULL));
	account_read(&account, 4, &counts);
	cr_expect(account_is_empty(&counts));
	account_fini(&account);
	cr_expect(eq(ptr, account.path[3], NULL));
}
