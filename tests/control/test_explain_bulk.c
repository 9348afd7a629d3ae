/* SPDX-License-Identifier: MIT */
#include "control/explain.h"
#include "control/explain_bulk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define DSL 2u
#define LTE 5u

static struct explained all;
static struct account_counts dsl, lte;
static char text[EXPLAIN_LEN];

/* dsl carries all. */
static void begin(void)
{
	dsl = (struct account_counts){
		.bytes = {[ACCOUNT_BULK] = 1000}, .found = {[FOUND_FIRST] = 10}, .base = DSL + 1};
	lte = (struct account_counts){.base = DSL + 1};
	all = (struct explained){
		.mode = BONDING_AGGREGATE, .has_sent = true, .usable = 2, .second_ns = NS_PER_S};
	all.path[DSL] = (struct explained_path){
		.link = "dsl", .is_in_table = true, .is_known = true, .permille = 1000, .in = &dsl};
	all.path[LTE] = (struct explained_path){.link = "lte",
	                                        .is_in_table = true,
	                                        .is_known = true,
	                                        .way_ns = 50 * NS_PER_MS,
	                                        .capacity_bytes_per_s = 1250000,
	                                        .packet_max = 1372,
	                                        .in = &lte};
}

TestSuite(explain_bulk, .init = begin);

static void expect(unsigned path_id, const char *sentence)
{
	cr_expect(eq(str, (char *)explain_text(&all, path_id, text), (char *)sentence));
}

static void share(enum account_kind kind)
{
	lte.bytes[kind] = 1;
	all.path[DSL].permille = 820;
	all.path[LTE].permille = 180;
}

/* ---- those that carried something ---- */

Test(explain_bulk, quickest_has_room_or_is_full)
{
	expect(DSL, "carried everything: it is the quickest, and had room for more");
	dsl.waited_ns[FOUND_FULL] = 940 * NS_PER_MS;
	expect(DSL, "carried everything: it is the quickest, and was full for 0.9 s of the last "
	            "one");
	all.second_ns = 2 * NS_PER_S;
	expect(DSL, "carried everything: it is the quickest, and was full for 0.5 s of the last "
	            "one");
}

Test(explain_bulk, quickest_is_at_its_limit)
{
	all.path[DSL].limit_bytes_per_s = 1250000;
	dsl.waited_ns[FOUND_FULL] = 100 * NS_PER_MS;
	dsl.waited_ns[FOUND_LIMITED] = 840 * NS_PER_MS;
	expect(DSL, "carried everything: it is the quickest, and was at its limit of 10.0 Mbit/s "
	            "for 0.8 s of the last one");
}

Test(explain_bulk, another_is_as_quick)
{
	share(ACCOUNT_BULK);
	lte.found[FOUND_FIRST] = 1;
	expect(LTE, "carried 18 %: it is as quick as dsl, and had room for more");
}

Test(explain_bulk, longer_one_joined)
{
	share(ACCOUNT_BULK);
	lte.found[FOUND_JOINED] = 100;
	lte.found[FOUND_EARLY] = 300;
	lte.need_ns = 52 * NS_PER_MS;
	lte.waited_ns[FOUND_EARLY] = 600 * NS_PER_MS;
	lte.waited_ns[FOUND_ENDING] = 50 * NS_PER_MS;
	lte.waited_ns[FOUND_FULL] = 290 * NS_PER_MS;
	expect(LTE, "carried 18 %: its way is 50 ms longer than dsl's, so it joins only while dsl "
	            "has more than 52 ms of work waiting; it did for 0.3 s of the last one");
	lte.waited_ns[FOUND_FULL] = 10 * NS_PER_MS;
	expect(LTE, "carried 18 %: its way is 50 ms longer than dsl's, so it joins only while dsl "
	            "has more than 52 ms of work waiting; it did for a moment");
}

/* Counts as longer by its weight, or takes what a thin one cannot. */
Test(explain_bulk, joined_though_its_way_is_no_longer)
{
	share(ACCOUNT_BULK);
	lte.found[FOUND_JOINED] = 1;
	lte.need_ns = 2 * NS_PER_MS;
	all.path[LTE].way_ns = 0;
	expect(LTE, "carried 18 %: dsl goes before it, so it joins only while dsl has more than "
	            "2 ms of work waiting; it did for a moment");
	all.path[DSL].link = NULL; /* no more */
	expect(LTE, "carried 18 %: the quickest goes before it, so it joins only while the "
	            "quickest has more than 2 ms of work waiting; it did for a moment");
}

Test(explain_bulk, only_what_is_in_a_hurry)
{
	share(ACCOUNT_URGENT);
	expect(LTE, "carried 18 %: only what is in a hurry, for which it is the quickest");
	dsl.bytes[ACCOUNT_URGENT] = 1;
	expect(LTE, "carried 18 %: only what is in a hurry, for which it was the quickest at "
	            "times");
}

/* A backup may be quicker. */
Test(explain_bulk, quickest_of_its_role)
{
	all.path[LTE].rank = 1;
	all.path[LTE].role = LINK_ROLE_BACKUP;
	all.path[LTE].way_ns = -50 * (int64_t)NS_PER_MS;
	expect(DSL, "carried everything: it is the quickest primary path, and had room for more");
	dsl.found[FOUND_QUICKEST] = 11;
	expect(DSL, "carried everything: everything goes over the quickest primary path, which it "
	            "is, and it had room for more");
	dsl.bytes[ACCOUNT_BULK] = 0;
	dsl.bytes[ACCOUNT_URGENT] = 1;
	expect(DSL, "carried everything: only what is in a hurry, for which it is the quickest "
	            "primary path");
	all.mode = BONDING_FAILOVER;
	expect(DSL, "carried everything: only what is in a hurry, as the heaviest path that works");
}

Test(explain_bulk, only_what_others_could_not_bring)
{
	share(ACCOUNT_REPAIR);
	expect(LTE, "carried 18 %: only what was lost elsewhere");
}

Test(explain_bulk, before_reports_came)
{
	share(ACCOUNT_BY_TABLE);
	expect(LTE, "carried 18 %: before anything was known of what arrives");
}

Test(explain_bulk, everything_over_all)
{
	all.mode = BONDING_REDUNDANT;
	share(ACCOUNT_COPY);
	expect(DSL, "carried 82 %: everything goes at its rate, the highest");
	expect(LTE, "carried 18 %: copies of what it had room for");
	dsl.bytes[ACCOUNT_BULK] = 0;
	dsl.bytes[ACCOUNT_URGENT] = 1;
	expect(LTE, "carried 18 %: copies of what is in a hurry, which goes over all paths");
}

Test(explain_bulk, heaviest_of_all)
{
	all.mode = BONDING_FAILOVER;
	expect(DSL, "carried everything: the heaviest path that works");
}

Test(explain_bulk, quickest_takes_all)
{
	all.mode = BONDING_LOWLAT;
	dsl.found[FOUND_QUICKEST] = 11;
	expect(DSL, "carried everything: everything goes over the quickest, which it is, and it "
	            "had room for more");
	dsl.waited_ns[FOUND_FULL] = 300 * NS_PER_MS;
	expect(DSL, "carried everything: everything goes over the quickest, which it is, and it "
	            "was full for 0.3 s of the last one");
	lte.found[FOUND_LATER] = 11;
	expect(LTE, "carried nothing: its way is 50 ms longer than dsl's, and everything goes over "
	            "the quickest");
}

Test(explain_bulk, flows_keep_to_paths)
{
	all.mode = BONDING_BALANCE;
	share(ACCOUNT_BULK);
	dsl.found[FOUND_OWN] = lte.found[FOUND_OWN] = 20;
	dsl.flows = 4;
	lte.flows = 1;
	expect(DSL, "carried 82 %: 4 of 5 flows are its own, and it had room for more");
	lte.waited_ns[FOUND_FULL] = 200 * NS_PER_MS;
	expect(LTE, "carried 18 %: 1 of 5 flows is its own, and it was full for 0.2 s of the last "
	            "one");
	lte.flows = 0;
	expect(LTE, "carried 18 %: flows were its own that have ended, and it was full for 0.2 s "
	            "of the last one");
}

Test(explain_bulk, no_flow_keeps_to_it)
{
	all.mode = BONDING_BALANCE;
	dsl.found[FOUND_OWN] = lte.found[FOUND_OTHERS] = 20;
	dsl.flows = 4;
	expect(LTE, "carried nothing: none of 4 flows is its own");
	dsl.flows = 0;
	expect(LTE, "carried nothing: flows are pinned to others by configuration");
	share(ACCOUNT_URGENT);
	expect(LTE, "carried 18 %: only what is in a hurry, of flows that are its own");
}

Test(explain_bulk, flows_are_pinned)
{
	for (enum bonding_mode mode = BONDING_AGGREGATE; mode <= BONDING_BALANCE; mode++) {
		begin();
		all.mode = mode;
		dsl.found[FOUND_PINNED] = lte.found[FOUND_OTHERS] = 20;
		expect(DSL, "carried everything: its flows are pinned here by configuration, and "
		            "it had room for more");
		expect(LTE, "carried nothing: flows are pinned to others by configuration");
	}
}

Test(explain_bulk, copies_of_what_may_get_lost)
{
	share(ACCOUNT_COPY);
	expect(LTE, "carried 18 %: only copies of what others carry");
}

/* ---- those that carried nothing ---- */

/* Its rank is another one than for most of the last second. */
Test(explain_bulk, spare_that_has_just_taken_over)
{
	lte.found[FOUND_SPARE] = 10;
	expect(LTE, "carried nothing: others went before it until a moment ago");
}

Test(explain_bulk, nobody_needed_it)
{
	lte.found[FOUND_BEHIND] = 9;
	expect(LTE, "carried nothing: dsl alone is faster than what was offered");
	lte.found[FOUND_BEHIND] = 0;
	expect(LTE, "carried nothing: dsl alone is faster than what was offered");
	all.path[7] = all.path[DSL];
	expect(LTE, "carried nothing: others, as quick, are faster than what was offered");
}

Test(explain_bulk, too_little_waited)
{
	lte.found[FOUND_BEHIND] = 900;
	lte.found[FOUND_EARLY] = 9;
	lte.waited_ns[FOUND_EARLY] = 300 * NS_PER_MS;
	lte.need_ns = 52 * NS_PER_MS;
	expect(LTE, "carried nothing: its way is 50 ms longer than dsl's, so it joins only while "
	            "dsl has more than 52 ms of work waiting; it never did");
	lte.waited_ns[FOUND_ENDING] = 400 * NS_PER_MS;
	expect(LTE, "carried nothing: its way is 50 ms longer than dsl's, and what waited may have "
	            "been the last");
}

Test(explain_bulk, left_out_of_striping)
{
	lte.found[FOUND_POOR] = 1;
	expect(LTE, "carried nothing: its way is 50 ms longer than dsl's, and its 10.0 Mbit/s are "
	            "not worth that");
	all.path[LTE].capacity_bytes_per_s = 0;
	expect(LTE, "carried nothing: its way is 50 ms longer than dsl's, and it is not known to "
	            "carry enough for that");
	lte.found[FOUND_FAR] = 2;
	all.path[LTE].way_ns = 310 * NS_PER_MS;
	expect(LTE, "carried nothing: its way is 310 ms longer than dsl's, and more than 150 ms "
	            "are not waited for");
}

Test(explain_bulk, not_measured)
{
	lte.found[FOUND_UNKNOWN] = 1;
	expect(LTE, "carried nothing: its way, or what a quicker one carries, is yet to be "
	            "measured");
}

Test(explain_bulk, packets_were_too_long)
{
	lte.found[FOUND_SMALL] = 1;
	expect(LTE, "carried nothing: packets were longer than the 1372 bytes that it carries in "
	            "one piece");
}

Test(explain_bulk, nothing_arrives_there)
{
	lte.found[FOUND_DEAD] = 1;
	expect(LTE, "carried nothing: what was sent there is overdue, others deliver");
}

Test(explain_bulk, its_limit_is_used_up)
{
	all.path[LTE].limit_bytes_per_s = 250000;
	lte.waited_ns[FOUND_LIMITED] = NS_PER_S;
	expect(LTE, "carried nothing: its limit of 2.0 Mbit/s was used up");
}

Test(explain_bulk, had_no_room)
{
	lte.waited_ns[FOUND_FULL] = NS_PER_S;
	expect(LTE, "carried nothing: it had no room, its queue is still long");
}
