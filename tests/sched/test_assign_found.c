/* SPDX-License-Identifier: MIT */
/* What is written down of each path where one alone comes into question for what is sent. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "sched/account.h"

static struct account account;

static void begin(void)
{
	rig_begin();
	sender.stripe.account = &account;
}

TestSuite(assign_found, .init = begin, .fini = rig_end);

static struct account_counts counts_of(uint8_t path_id)
{
	struct account_counts counts;

	account_read(&account, path_id, &counts);
	return counts;
}

static uint64_t found(uint8_t path_id, enum account_finding finding)
{
	return counts_of(path_id).found[finding];
}

static void expect_once(uint8_t path_id, enum account_finding finding)
{
	for (int i = 0; i < FINDINGS; i++)
		cr_expect(eq(u64, found(path_id, i), i == (int)finding), "%u: %d", path_id, i);
}

static enum sender_outcome hand(uint32_t flow, bool is_pinned, uint8_t path_id)
{
	const struct send_hand hand = {.left = {PACKET, 1, PACKET},
	                               .read_packets = 1,
	                               .flow = flow,
	                               .is_pinned = is_pinned,
	                               .path_id = path_id};
	struct send_run run;

	return sender_run_for(&sender, &facts, &hand, now_ns, &run);
}

static void fill(uint8_t path_id)
{
	path_model_sent(sender.stripe.model[path_id], 40 * PACKET, 40, now_ns);
}

/* ---- lowlat ---- */

Test(assign_found, lowlat_tells_the_quickest_from_those_that_are_later)
{
	table.mode = BONDING_LOWLAT;
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	expect_once(FAST, FOUND_QUICKEST);
	expect_once(SLOW, FOUND_LATER);
	cr_expect(eq(u8, counts_of(SLOW).base, FAST + 1));
}

Test(assign_found, lowlat_counts_the_time_for_which_the_quickest_is_full)
{
	table.mode = BONDING_LOWLAT;
	fill(FAST);
	cr_assert(eq(int, hand(0, false, 0), SENDER_WAIT));
	now_ns += NS_PER_MS;
	cr_assert(eq(int, hand(0, false, 0), SENDER_WAIT));
	cr_expect(eq(u64, counts_of(FAST).waited_ns[FOUND_FULL], NS_PER_MS));
	cr_expect(eq(u64, counts_of(SLOW).waited_ns[FOUND_LATER], NS_PER_MS));
}

Test(assign_found, lowlat_passes_over_the_dead_and_the_small)
{
	table.mode = BONDING_LOWLAT;
	sender.stripe.dead = 1u << FAST;
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	expect_once(FAST, FOUND_DEAD);
	expect_once(SLOW, FOUND_QUICKEST);
	sender.stripe.dead = 0;
	table.slot[0].packet_max = table.fits_all = PACKET - 100;
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	cr_expect(eq(u64, found(FAST, FOUND_SMALL), 1));
	cr_expect(eq(u64, found(SLOW, FOUND_QUICKEST), 2));
}

/* ---- balance ---- */

Test(assign_found, balance_tells_whose_the_flow_is_and_how_many_are)
{
	uint8_t first, other;

	table.mode = BONDING_BALANCE;
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	first = found(FAST, FOUND_OWN) ? FAST : SLOW;
	other = first == FAST ? SLOW : FAST;
	expect_once(first, FOUND_OWN);
	expect_once(other, FOUND_OTHERS);
	cr_expect(eq(u16, counts_of(first).flows, 1));
	now_ns += ACCOUNT_FLOWS_NS;
	for (uint32_t flow = 0; flow < 8; flow++)
		hand(flow, false, 0);
	now_ns += ACCOUNT_FLOWS_NS;
	hand(0, false, 0);
	cr_expect(eq(u16, counts_of(FAST).flows + counts_of(SLOW).flows, 8));
	cr_expect(lt(u16, counts_of(SLOW).flows, counts_of(FAST).flows));
	cr_expect(lt(u16, 0, counts_of(SLOW).flows));
}

/* The one that waits keeps to a path that is full; the other has room, and no flow. */
Test(assign_found, balance_counts_the_time_for_which_all_that_waits_has_no_room)
{
	struct send_run run;

	table.mode = BONDING_BALANCE;
	rig_offer(200, false);
	rig_send_all(FAST);
	cr_assert(eq(u64, found(SLOW, FOUND_OWN), 0));
	cr_assert(lt(u64, now_ns + 10, sender.stripe.wait_until_ns));
	now_ns += 10;
	cr_assert(not(rig_send(&run)));
	cr_expect(eq(u64, counts_of(FAST).waited_ns[FOUND_FULL], 10));
	cr_expect(eq(u64, counts_of(SLOW).waited_ns[FOUND_OTHERS], 10));
}

/* ---- by configuration ---- */

Test(assign_found, what_is_pinned_is_told_from_what_is_chosen)
{
	cr_assert(eq(int, hand(0, true, SLOW), SENDER_RUN));
	expect_once(SLOW, FOUND_PINNED);
	expect_once(FAST, FOUND_OTHERS);
	fill(SLOW);
	cr_assert(eq(int, hand(0, true, SLOW), SENDER_WAIT));
	cr_expect(eq(u64, found(SLOW, FOUND_FULL), 1));
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	cr_expect(eq(u64, found(FAST, FOUND_FIRST), 1));
}

Test(assign_found, nobody_has_to_keep_an_account)
{
	sender.stripe.account = NULL;
	table.mode = BONDING_BALANCE;
	cr_assert(eq(int, hand(0, false, 0), SENDER_RUN));
	cr_assert(eq(int, hand(0, true, SLOW), SENDER_RUN));
	fill(FAST);
	rig_offer(50, false);
	rig_send_all(FAST);
	expect_once(FAST, FINDINGS);
}
