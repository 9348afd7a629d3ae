/* SPDX-License-Identifier: MIT */
#include "control/last_second.h"

#include <stdlib.h>

#include "dataplane/feedback.h"
#include "dataplane/publish.h"
#include "gather_rig.h"

TestSuite(last_second, .init = gather_rig_start, .fini = gather_rig_stop);

static struct last_second *second;

static void send_over_4(uint32_t bytes)
{
	account_sent(&gather.peer.dp->feedback->account, ACCOUNT_BULK, 4, 1u << 4, bytes);
}

static void take(void)
{
	last_second_take(&second, gather.peer.dp, 3 * NS_PER_S / 2);
}

Test(last_second, there_is_none_of_a_peer_that_does_not_report)
{
	take();
	cr_expect(eq(ptr, second, NULL));
}

Test(last_second, holds_what_came_to_the_account_in_it)
{
	cr_assert(eq(int, engine_exchange_reports(gather.peer.dp, true), 0));
	send_over_4(1000);
	take();
	cr_assert(ne(ptr, second, NULL));
	cr_expect(eq(u64, account_bytes(last_second_in(second, 4)), 0), "before anybody looked");
	send_over_4(20);
	send_over_4(3);
	take();
	cr_expect(eq(u64, account_bytes(last_second_in(second, 4)), 23));
	cr_expect(eq(u64, second->lasted_ns, 3 * NS_PER_S / 2));
	cr_expect(eq(u64, account_bytes(last_second_in(second, 5)), 0));
	take();
	cr_expect(eq(u64, account_bytes(last_second_in(second, 4)), 0));
	last_second_free(second);
}

Test(last_second, has_memory_for_paths_that_something_went_over)
{
	cr_assert(eq(int, engine_exchange_reports(gather.peer.dp, true), 0));
	take();
	send_over_4(7);
	take();
	cr_assert(ne(ptr, second, NULL));
	cr_expect(eq(u64, account_bytes(last_second_in(second, 4)), 7), "it was none before");
	cr_expect(ne(ptr, second->path[4], NULL));
	cr_expect(eq(ptr, second->path[5], NULL));
	last_second_free(second);
	cr_expect(last_second_in(NULL, 4) == NULL);
}

Test(last_second, is_forgotten_when_reports_end)
{
	cr_assert(eq(int, engine_exchange_reports(gather.peer.dp, true), 0));
	take();
	cr_assert(ne(ptr, second, NULL));
	cr_assert(eq(int, engine_exchange_reports(gather.peer.dp, false), 0));
	take();
	cr_expect(eq(ptr, second, NULL));
}
