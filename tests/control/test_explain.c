/* SPDX-License-Identifier: MIT */
#include "control/explain.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define DSL 2u
#define LTE 5u

static struct explained all;
static char text[EXPLAIN_LEN];

static void begin(void)
{
	all = (struct explained){.mode = BONDING_AGGREGATE, .has_sent = true, .usable = 2};
	all.path[DSL] = (struct explained_path){.link = "dsl",
	                                        .link_state = "up",
	                                        .link_reason = "open",
	                                        .is_in_table = true,
	                                        .state_reason = "answers",
	                                        .weight = 7,
	                                        .permille = 1000};
	all.path[LTE] = all.path[DSL];
	all.path[LTE].link = "lte";
	all.path[LTE].permille = 0;
}

TestSuite(explain, .init = begin);

static void expect(unsigned path_id, const char *sentence)
{
	cr_expect(eq(str, (char *)explain_text(&all, path_id, text), (char *)sentence));
}

static void stand(enum standing is, double left_s)
{
	all.path[LTE].is_in_table = false;
	all.path[LTE].standing =
		(struct path_standing){.is = is, .left_ns = (uint64_t)(left_s * NS_PER_S)};
}

Test(explain, link_that_cannot_be_used)
{
	stand(STANDING_NO_LINK, 0);
	all.path[LTE].link_state = "waiting";
	all.path[LTE].link_reason = "no address";
	expect(LTE, "unusable: its link is waiting, no address");
}

Test(explain, rest_after_refusals_of_the_system)
{
	stand(STANDING_RESTS, 2.94);
	expect(LTE, "resting for 2.9 s more: the system refused to send");
}

Test(explain, path_that_never_answered)
{
	stand(STANDING_UNPROVEN, 0);
	all.path[LTE].state_s = 3.1;
	all.path[LTE].state_reason = "no answer yet";
	expect(LTE, "unproven for 3.1 s: no answer yet");
}

Test(explain, path_that_is_down_and_comes_back)
{
	stand(STANDING_DOWN, 0);
	all.path[LTE].state_s = 4.1;
	all.path[LTE].state_reason = "3 probes overdue";
	expect(LTE, "down for 4.1 s: 3 probes overdue");
	stand(STANDING_HELD_DOWN, 2);
	expect(LTE, "held down for 2.0 s more after it came back");
	stand(STANDING_PROVES, 0);
	expect(LTE, "coming back: needs three answers in a row");
	stand(STANDING_ALIVE, 0);
	all.path[LTE].state_reason = "answers again";
	expect(LTE, "about to be used: answers again");
}

Test(explain, plain_peer_has_one_path)
{
	stand(STANDING_NOT_FOLLOWED, 0);
	all.is_plain = true;
	all.usable = 1;
	expect(LTE, "unused: the peer is plain WireGuard, which can use one path only, now dsl");
	expect(DSL, "carried everything: the peer is plain WireGuard, which can use one path only");
	all.has_sent = false;
	all.path[DSL].permille = 0;
	expect(DSL, "carried nothing: the peer is plain WireGuard, which can use one path only");
	all.path[DSL].is_in_table = false;
	expect(LTE, "unused: the peer is plain WireGuard, which can use one path only, now one "
	            "that is yet to be found");
}

Test(explain, peer_that_may_still_be_a_vtrunkd)
{
	stand(STANDING_NOT_FOLLOWED, 0);
	expect(LTE, "unused: it is not known yet whether the peer is a vtrunkd, which can use more "
	            "than one path");
}

Test(explain, nothing_was_sent)
{
	all.has_sent = false;
	all.path[DSL].permille = 0;
	expect(DSL, "idle: nothing was sent to the peer");
}

Test(explain, backup_waits_for_those_before_it)
{
	all.path[LTE].rank = 1;
	expect(LTE, "backup: waits until dsl is down");
	all.path[9] = all.path[LTE];
	all.path[9].rank = 2;
	expect(9, "backup: waits until all 2 before it are down");
	all.path[LTE].permille = 2;
	expect(LTE, "backup: waits until dsl is down"); /* probes */
	all.is_reporting = true;
	all.path[LTE].permille = 1000;
	expect(LTE, "carried everything: stands in, as those before it do not deliver");
}

Test(explain, overflow_waits_until_those_before_it_are_full)
{
	all.path[LTE].rank = 1;
	all.path[LTE].role = LINK_ROLE_OVERFLOW;
	expect(LTE, "backup: waits until dsl is down"); /* nobody knows what arrives */
	all.is_reporting = true;
	expect(LTE, "overflow: waits until dsl is full or down");
	all.path[LTE].permille = 180;
	expect(LTE, "carried 18 %: takes what those before it have no room for");
	all.path[LTE].permille = 1000;
	expect(LTE, "carried everything: stands in, as those before it do not deliver");
	all.path[LTE].permille = 0;
	all.mode = BONDING_BALANCE;
	expect(LTE, "backup: waits until dsl is down");
}

Test(explain, other_end_can_carry_nothing)
{
	stand(STANDING_LEAVING, 0);
	expect(LTE, "unusable: the other end says that its link carries nothing");
}

Test(explain, only_path_there_is)
{
	all.usable = 1;
	expect(DSL, "carried everything: no other path can carry data");
}

Test(explain, without_reports_the_table_decides)
{
	all.path[DSL].permille = 700;
	all.path[LTE].permille = 300;
	expect(DSL, "carried 70 %: by its weight of 7, as nothing is known of what arrives");
	all.mode = BONDING_REDUNDANT;
	expect(LTE, "carried 30 %: each path carries everything");
	all.mode = BONDING_FAILOVER;
	expect(DSL, "carried 70 %: the heaviest path that works");
	all.mode = BONDING_LOWLAT;
	expect(DSL, "carried 70 %: the heaviest path that works");
	all.mode = BONDING_BALANCE;
	expect(DSL, "carried 70 %: by its weight of 7, as nothing is known of what arrives");
}

/* What the others carry are probes. */
Test(explain, without_reports_one_path_takes_all_in_lowlat)
{
	all.mode = BONDING_LOWLAT;
	all.path[DSL].permille = 998;
	all.path[LTE].permille = 2;
	expect(DSL, "carried 99.8 %: the heaviest path that works");
	expect(LTE, "unused: everything goes over dsl, the heaviest path that works");
	all.path[LTE].weight++;
	expect(DSL, "unused: everything goes over lte, the heaviest path that works");
}

Test(explain, without_reports_roles_decide_before_weights)
{
	all.path[LTE].rank = 1;
	all.path[LTE].role = LINK_ROLE_BACKUP;
	expect(DSL, "carried everything: the only primary path that works");
	all.mode = BONDING_REDUNDANT;
	expect(DSL, "carried everything: the only primary path that works");
	all.mode = BONDING_FAILOVER;
	expect(DSL, "carried everything: the heaviest path that works");
}

Test(explain, shares_are_told_to_a_tenth)
{
	struct account_counts one = {.bytes = {[ACCOUNT_BY_TABLE] = 1}};

	all.mode = BONDING_REDUNDANT;
	all.path[DSL].permille = 999;
	expect(DSL, "carried 99.9 %: each path carries everything");
	all.path[LTE].in = &one;
	expect(LTE, "carried less than 0.1 %: each path carries everything");
}

Test(explain, names_are_cut_rather_than_the_room)
{
	char longest[1000];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	stand(STANDING_NO_LINK, 0);
	all.path[LTE].link_reason = longest;
	explain_text(&all, LTE, text);
	cr_expect(eq(sz, strlen(text), EXPLAIN_LEN - 1));
}
