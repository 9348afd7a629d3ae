/* SPDX-License-Identifier: MIT */
/* What a sender writes into its account. */
#include "sched/account.h"
#include "sched/copies.h" /* before the rig, whose now_ns its own would shadow */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "sched/heard.h"

static struct account account;

static void begin(void)
{
	rig_begin();
	sender.stripe.account = &account;
}

TestSuite(sender_account, .init = begin, .fini = rig_end);

static uint64_t bytes_of(uint8_t path_id, enum account_kind kind)
{
	struct account_counts counts;

	account_read(&account, path_id, &counts);
	return counts.bytes[kind];
}

Test(sender_account, bulk_is_the_path_s_that_took_it)
{
	unsigned slow;

	rig_offer(1000, false);
	slow = rig_send_all(SLOW);
	cr_assert(lt(u32, 0, slow));
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_BULK), slow * PACKET));
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_BULK),
	             (1000 - slow - sender_waiting(&sender)) * PACKET));
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_URGENT), 0));
}

Test(sender_account, what_is_in_a_hurry_counts_as_that)
{
	rig_offer(3, true);
	rig_send_all(FAST);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_URGENT), 3 * PACKET));
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_BULK), 0));
}

Test(sender_account, copies_are_told_from_what_they_are_copies_of)
{
	table.mode = BONDING_REDUNDANT;
	rig_offer(4, false);
	rig_send_all(FAST);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_BULK), 4 * PACKET), "the wider one");
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_COPY), 4 * PACKET));
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_BULK), 0));
}

Test(sender_account, by_weights_is_another_thing)
{
	facts.is_learned = false;
	rig_offer(2, false);
	rig_send_all(FAST);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_BY_TABLE) + bytes_of(SLOW, ACCOUNT_BY_TABLE),
	             2 * PACKET));
}

Test(sender_account, repairs_count_where_they_are_sent)
{
	const struct repair_range lost = {
		.first = 7, .len = 1, .key = KEY, .lane = 0, .from = SLOW};
	struct send_numbers numbers;
	uint8_t path_id;

	cr_assert(repair_add(&sender.stripe.repair, &lost));
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path_id));
	cr_assert(eq(u8, path_id, FAST));
	sender_repaired(&sender, path_id, PACKET, now_ns);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_REPAIR), PACKET));
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_REPAIR), 0));
}

Test(sender_account, copies_that_leave_later_count_where_they_leave)
{
	sender_copied(&sender, SLOW, 0, now_ns);
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_COPY), 0), "it was not kept");
	sender_copied(&sender, SLOW, PACKET, now_ns);
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_COPY), PACKET));
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_COPY), 0));
}

Test(sender_account, copies_of_what_is_in_a_hurry_are_told_from_it)
{
	stripe_forget(&sender.stripe);
	rig_know(FAST, 100, 10);
	rig_know(SLOW, 30, 12);
	sender.stripe.model[FAST]->loss_ppm = 20000;
	rig_offer(1, true);
	rig_send_all(FAST);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_URGENT), PACKET));
	cr_expect(eq(u64, bytes_of(SLOW, ACCOUNT_COPY), PACKET));
}

Test(sender_account, nobody_has_to_keep_one)
{
	sender.stripe.account = NULL;
	rig_offer(4, false);
	rig_send_all(FAST);
	cr_expect(eq(u64, bytes_of(FAST, ACCOUNT_BULK), 0));
}
