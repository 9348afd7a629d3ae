/* SPDX-License-Identifier: MIT */
/* What a sender writes down of each path of its table when bulk asks. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "sched/account.h"

#define THIRD 4u

static struct account account;

static void begin(void)
{
	rig_begin();
	sender.stripe.account = &account;
}

TestSuite(stripe_found, .init = begin, .fini = rig_end);

static struct account_counts counts_of(uint8_t path_id)
{
	struct account_counts counts;

	account_read(&account, path_id, &counts);
	return counts;
}

static void send_one(void)
{
	struct send_run run;

	rig_offer(1, false);
	cr_assert(rig_send(&run));
}

static void expect_once(uint8_t path_id, enum account_finding found)
{
	struct account_counts counts = counts_of(path_id);

	for (int i = 0; i < FINDINGS; i++)
		cr_expect(eq(u64, counts.found[i], i == (int)found), "%d", i);
}

Test(stripe_found, each_is_found_something_of_at_every_question)
{
	send_one();
	expect_once(FAST, FOUND_FIRST);
	expect_once(SLOW, FOUND_BEHIND);
	cr_expect(eq(u8, counts_of(SLOW).base, FAST + 1));
}

Test(stripe_found, dead_one_is_passed_over)
{
	sender.stripe.dead = 1u << FAST;
	send_one();
	expect_once(FAST, FOUND_DEAD);
	expect_once(SLOW, FOUND_FIRST);
}

Test(stripe_found, spare_one_is_passed_over_while_another_lives)
{
	table.slot[1].rank = 1;
	table.len = table.spare = 1;
	send_one();
	expect_once(SLOW, FOUND_SPARE);
	sender.stripe.dead = 1u << FAST;
	send_one();
	cr_expect(eq(u64, counts_of(SLOW).found[FOUND_FIRST], 1));
	cr_expect(eq(u64, counts_of(FAST).found[FOUND_DEAD], 1));
}

Test(stripe_found, packet_that_is_too_long_passes_over_small_ones)
{
	table.slot[0].packet_max = PACKET - 100;
	table.fits_all = PACKET - 100;
	send_one();
	expect_once(FAST, FOUND_SMALL);
	expect_once(SLOW, FOUND_FIRST);
}

Test(stripe_found, path_of_unknown_way_waits)
{
	table.slot[2] = (struct path_slot){.path_id = THIRD, .weight = 1};
	table.len = 3;
	send_one();
	expect_once(THIRD, FOUND_UNKNOWN);
}

/* As long as bulk waits, and not when it is over. */
Test(stripe_found, time_of_waiting_is_that_of_what_was_found)
{
	struct send_run run;

	rig_offer(100, false);
	rig_send_all(FAST); /* until it is full: asked, and has to wait */
	now_ns += NS_PER_MS / 2;
	rig_send(&run);
	cr_expect(eq(u64, counts_of(FAST).waited_ns[FOUND_FULL], NS_PER_MS / 2));
	cr_expect(eq(u64, counts_of(SLOW).waited_ns[FOUND_EARLY], NS_PER_MS / 2));
	cr_expect(eq(u64, account_waited_ns(&(struct account_counts){0}), 0));
	cr_expect(ge(u64, counts_of(SLOW).need_ns, 48 * NS_PER_MS));
	while (sender_waiting(&sender)) {
		rig_send_all(FAST);
		now_ns += NS_PER_MS;
	}
	uint64_t before_ns = counts_of(FAST).waited_ns[FOUND_FULL];
	now_ns += NS_PER_S;
	send_one();
	cr_expect(eq(u64, counts_of(FAST).waited_ns[FOUND_FULL], before_ns), "nothing waited");
}

/* What waits may be given up without another question. */
Test(stripe_found, time_between_two_questions_is_bounded)
{
	rig_offer(100, false);
	rig_send_all(FAST);
	now_ns += NS_PER_S;
	rig_send_all(FAST);
	cr_expect(eq(u64, counts_of(FAST).waited_ns[FOUND_FULL], ACCOUNT_GAP_NS));
	cr_expect(eq(u64,
	             account_waited_ns(&(struct account_counts){
			     .waited_ns = {[FOUND_FULL] = 2, [FOUND_EARLY] = 3}}),
	             5));
}

/* What is in a hurry asks for nothing. */
Test(stripe_found, only_bulk_asks)
{
	struct send_run run;

	rig_offer(1, true);
	cr_assert(rig_send(&run));
	cr_expect(eq(u64, counts_of(FAST).found[FOUND_FIRST], 0));
}
