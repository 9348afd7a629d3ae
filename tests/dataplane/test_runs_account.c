/* SPDX-License-Identifier: MIT */
/* Packets placed by hand for a peer that reports: it is counted what each path was given. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "dataplane/feedback.h"
#include "runs_rig.h"

TestSuite(runs_account, .init = runs_setup, .fini = runs_teardown, .timeout = 60);

/* People want to know what goes where, of a peer that reports. */
Test(runs_account, an_account_is_kept_in_what_both_tell_each_other)
{
	const struct account *account;
	struct account_counts counts;

	begin(1);
	cr_assert(ne(ptr, runs.feedback, NULL));
	account = &runs.feedback->account;
	cr_assert(eq(int, place(false), RUNS_PLACED));
	runs_close(self, &runs);
	account_read(account, runs.done.first->path_id, &counts);
	cr_expect(eq(u64, counts.bytes[ACCOUNT_BULK], LEN));
	send_all();
}
