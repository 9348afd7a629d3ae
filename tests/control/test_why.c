/* SPDX-License-Identifier: MIT */
#include "control/why.h"

#include <stdlib.h>

#include "dataplane/feedback.h"
#include "dataplane/publish.h"
#include "gather_rig.h"

static struct explained why;

static void begin(void)
{
	gather_rig_start();
	gather.peer.verdict.is = VERDICT_BONDED;
	gather.peer.set.mode = BONDING_FAILOVER;
	fill_path(1, 0, "192.0.2.1:1");
	fill_path(15, 1, "192.0.2.2:2");
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&gather.peer.paths.slot[i]))
			gather.peer.paths.slot[i].proof = PATH_PROVED;
	}
}

static void end(void)
{
	engine_publish_paths(gather.peer.dp, NULL);
	last_second_free(gather.peer.second);
	gather.peer.second = NULL;
	gather_rig_stop();
}

TestSuite(why, .init = begin, .fini = end);

Test(why, table_says_what_may_carry_data_and_in_which_rank)
{
	const struct path_candidate candidates[] = {{.path_id = 1, .weight = 3, .packet_max = 1300},
	                                            {.path_id = 15, .weight = 9}};

	engine_publish_paths(gather.peer.dp, path_table_build(BONDING_FAILOVER, candidates, 2));
	why_of(&why, &gather.peer, NOW);
	cr_expect(eq(int, why.mode, BONDING_FAILOVER));
	cr_expect(eq(uint, why.usable, 2));
	cr_expect(why.path[1].is_in_table);
	cr_expect(eq(u8, why.path[1].rank, 1), "the lighter");
	cr_expect(eq(u32, why.path[1].weight, 3));
	cr_expect(eq(u16, why.path[1].packet_max, 1300));
	cr_expect(eq(u8, why.path[15].rank, 0));
	cr_expect(eq(str, (char *)why.path[15].link, "dsl"));
	cr_expect(eq(ptr, (void *)why.path[2].link, NULL), "there is none");
}

Test(why, what_is_not_in_the_table_has_a_cause)
{
	fill_links();
	gather.peer.paths.slot[1].health.state = PATH_DOWN;
	gather.peer.paths.slot[1].health.reason = "3 probes overdue";
	gather.peer.paths.slot[1].health.since_ns = NOW - 3 * NS_PER_S / 2;
	why_of(&why, &gather.peer, NOW);
	cr_expect(not(why.path[1].is_in_table));
	cr_expect(eq(int, why.path[15].standing.is, STANDING_NO_LINK));
	cr_expect(eq(str, (char *)why.path[15].link_state, "resting"));
	cr_expect(eq(str, (char *)why.path[15].link_reason, "No buffer space available"));
	cr_expect(eq(str, (char *)why.path[1].state_reason, "3 probes overdue"));
	cr_expect(eq(dbl, why.path[1].state_s, 1.5));
	cr_expect(eq(uint, why.usable, 0));
}

Test(why, account_and_beliefs_are_those_of_the_data_plane)
{
	const struct path_belief near = {.way_ns = 5},
				 far = {.way_ns = 12, .capacity_bytes_per_s = 7};
	struct dp_peer *dp = gather.peer.dp;

	cr_assert(eq(int, engine_exchange_reports(dp, true), 0));
	beliefs_set(&dp->feedback->beliefs, 1, &near);
	beliefs_set(&dp->feedback->beliefs, 15, &far);
	last_second_take(&gather.peer.second, dp, NS_PER_S);
	account_sent(&dp->feedback->account, ACCOUNT_BULK, 1, 1u << 1, 30);
	account_sent(&dp->feedback->account, ACCOUNT_REPAIR, 15, 1u << 15, 10);
	last_second_take(&gather.peer.second, dp, 2 * NS_PER_S);
	why_of(&why, &gather.peer, NOW);
	cr_expect(why.has_sent);
	cr_expect(eq(u64, why.second_ns, 2 * NS_PER_S));
	cr_expect(eq(u16, why.path[1].permille, 750));
	cr_assert(ne(ptr, (void *)why.path[15].in, NULL));
	cr_expect(eq(u64, why.path[15].in->bytes[ACCOUNT_REPAIR], 10));
	cr_expect(eq(i64, why.path[15].way_ns, 7));
	cr_expect(eq(u64, why.path[15].capacity_bytes_per_s, 7));
	cr_expect(why.is_reporting);
}

Test(why, without_an_account_frames_serve)
{
	gather.peer.verdict.is = VERDICT_STOCK;
	gather.peer.paths.slot[15].tx_bps = 1;
	why_of(&why, &gather.peer, NOW);
	cr_expect(why.is_plain);
	cr_expect(why.has_sent);
	cr_expect(eq(u16, why.path[15].permille, 1000));
	cr_expect(eq(ptr, (void *)why.path[15].in, NULL));
	cr_expect(not(why.is_reporting));
}
