/* SPDX-License-Identifier: MIT */
/* What is in a hurry, and what is in the caller's hand. */
#include "sched/heard.h"
#include "sched/sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "vtrunkd/wire.h"

TestSuite(sender_urgent, .init = rig_begin, .fini = rig_end);

/* What is in the hand: @packets of one read. */
static struct send_hand hand_of(unsigned packets, bool is_urgent)
{
	return (struct send_hand){.left = {(uint64_t)packets * PACKET, packets, PACKET},
	                          .is_urgent = is_urgent};
}

static void sent(const struct send_run *run)
{
	static uint64_t next[2];
	const unsigned lane = run->is_ordered ? LANE_ORDERED : LANE_UNORDERED;
	const struct send_numbers numbers = {
		.first = next[lane], .key = KEY, .lane = (uint8_t)lane};

	next[lane] += run->packets;
	sender_sent(&sender, &facts, run, &numbers, now_ns);
}

/* As much out of @hand as may go now. Returns how many packets, of @run. */
static unsigned send_from(const struct send_hand *hand, struct send_run *run)
{
	unsigned left = hand->left.packets;

	if (sender_run_for(&sender, &facts, hand, now_ns, run) != SENDER_RUN)
		return 0;
	while (left && send_run_add(run, PACKET))
		left--;
	sent(run);
	return run->packets;
}

static void fill_all_paths(void)
{
	const struct send_hand hand = hand_of(1000, false);
	struct send_run run;

	while (send_from(&hand, &run))
		;
}

/* ---- urgent ---- */

Test(sender_urgent, what_waits_is_counted_together)
{
	struct sender_view view;

	rig_offer(3, false);
	rig_offer(2, true);
	cr_expect(eq(u64, sender_waiting(&sender), 5));
	cr_expect(eq(u64, sender.waiting.packets, 3));
	sender_view(&sender, &view);
	cr_expect(eq(u64, view.waiting_packets, 5));
	cr_expect(eq(u64, view.waiting_bytes, 5 * PACKET));
}

Test(sender_urgent, the_first_queue_is_theirs_while_one_waits)
{
	struct send_run run;

	rig_offer(1, false);
	cr_expect(eq(ptr, (void *)sender_first_queue(&sender), &sender.waiting));
	rig_offer(1, true);
	cr_expect(eq(ptr, (void *)sender_first_queue(&sender), &sender.urgent));
	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	cr_expect(run.is_urgent);
	cr_expect(sender_take(&sender, &run) != NULL);
	cr_expect(sender_take(&sender, &run) == NULL, "bulk is not taken for a run of them");
	sent(&run);
	cr_expect(eq(ptr, (void *)sender_first_queue(&sender), &sender.waiting));
	cr_expect(eq(u64, sender.waiting.packets, 1));
}

/* The peer has stopped reporting: they were offered before, and still go first. */
Test(sender_urgent, they_go_first_when_the_weights_decide_again)
{
	struct send_ticket *bulk = rig_offer_one(false), *urgent = rig_offer_one(true);
	struct send_run run;

	facts.is_learned = facts.is_reporting = false;
	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	cr_expect(run.is_urgent);
	cr_expect(run.is_ordered, "there is but one lane");
	cr_expect(eq(ptr, sender_take(&sender, &run), urgent));
	cr_expect(sender_take(&sender, &run) == NULL);
	sent(&run);
	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	cr_expect(not(run.is_urgent));
	cr_expect(eq(ptr, sender_take(&sender, &run), bulk));
	sent(&run);
}

Test(sender_urgent, bulk_is_dropped_before_them)
{
	struct send_ticket *urgent = rig_offer_one(true), *bulk = rig_offer_one(false);

	cr_expect(eq(ptr, sender_drop(&sender), bulk));
	cr_expect(eq(ptr, sender_drop(&sender), urgent));
	cr_expect(sender_drop(&sender) == NULL);
}

/* What is asked of is what would be dropped. */
Test(sender_urgent, age_is_that_of_what_would_be_dropped)
{
	rig_offer_one(true);
	cr_expect(eq(u64, sender_alarm_ns(&sender), RIG_START_NS + SENDER_AGE_NS));
	now_ns += NS_PER_S;
	rig_offer_one(false);
	cr_expect(eq(u64, sender_alarm_ns(&sender), now_ns + SENDER_AGE_NS));
	cr_expect(eq(int, sender_excess(&sender, RIG_START_NS + SENDER_AGE_NS), SENDER_KEEPS));
	cr_expect(eq(int, sender_excess(&sender, now_ns + SENDER_AGE_NS), SENDER_TOO_OLD));
	sender_drop(&sender);
	cr_expect(eq(int, sender_excess(&sender, RIG_START_NS + SENDER_AGE_NS), SENDER_TOO_OLD));
	sender_drop(&sender);
	cr_expect(eq(int, sender_excess(&sender, now_ns + SENDER_AGE_NS), SENDER_KEEPS));
}

/* Both together. */
Test(sender_urgent, too_many_are_those_of_both_classes)
{
	struct send_run run;

	facts.has_session = false;
	rig_offer(STAGED_MAX - 1, false);
	rig_offer(1, true);
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_BLOCKED));
	cr_expect(eq(int, sender_excess(&sender, now_ns), SENDER_KEEPS));
	rig_offer(1, true);
	cr_expect(eq(int, sender_excess(&sender, now_ns), SENDER_TOO_MANY));
	sender_drop(&sender);
	cr_expect(eq(int, sender_excess(&sender, now_ns), SENDER_KEEPS));
	cr_expect(eq(u64, sender.urgent.packets, 2));
}

Test(sender_urgent, they_are_no_congestion)
{
	rig_offer(2000, true);
	for (unsigned ms = 0; ms < 1000; ms++)
		cr_assert(not(sender_congested(&sender, &facts, now_ns += NS_PER_MS)));
}

Test(sender_urgent, without_a_path_they_wait)
{
	struct send_run run;

	rig_offer(1, true);
	table.len = 0;
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_BLOCKED));
	cr_expect(sender.is_blocked);
	cr_expect(sender.is_held_up);
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS), "no time will help");
	table.len = 2;
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	cr_expect(not(sender.is_blocked));
	cr_expect(not(sender.is_held_up));
}

/* ---- in the hand ---- */

Test(sender_urgent, what_is_in_the_hand_is_striped_like_what_waits)
{
	const struct send_hand hand = hand_of(40, false);
	struct send_run run;

	cr_assert(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(eq(u16, run.path_mask, 1u << FAST));
	cr_expect(run.is_ordered);
	cr_expect(not(run.is_urgent));
	cr_expect(ge(u32, run.bytes_max, 4 * PACKET), "half a millisecond");
	cr_expect(le(u32, run.bytes_max, 5 * PACKET));
	cr_expect(eq(u64, sender_waiting(&sender), 0));
}

/* How much there is decides whether a slow path takes part. */
Test(sender_urgent, a_long_read_goes_over_the_slow_path_too)
{
	const struct send_hand little = hand_of(40, false), much = hand_of(1000, false);
	unsigned on[PATHS_MAX] = {0}, count;
	struct send_run run;

	while ((count = send_from(&little, &run)))
		on[run.path_id] += count;
	cr_expect(lt(uint, 0, on[FAST]));
	cr_expect(eq(uint, on[SLOW], 0));
	while ((count = send_from(&much, &run)))
		on[run.path_id] += count;
	cr_expect(lt(uint, 0, on[SLOW]));
}

Test(sender_urgent, a_full_path_makes_the_hand_wait)
{
	const struct send_hand hand = hand_of(40, false);
	struct send_run run = {.bytes = 77};

	fill_all_paths();
	cr_expect(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_WAIT));
	cr_expect(eq(u32, run.bytes, 77), "nothing was begun");
	cr_expect(not(sender.is_blocked));
	cr_expect(sender.is_held_up);
	facts.has_session = false;
	cr_expect(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_BLOCKED));
	cr_expect(sender.is_blocked);
}

Test(sender_urgent, the_urgent_in_the_hand_does_not_wait)
{
	const struct send_hand hand = hand_of(3, true);
	struct send_run run;

	fill_all_paths();
	cr_assert(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(run.is_urgent);
	cr_expect(not(run.is_ordered));
	cr_expect(eq(u32, run.packets_max, BATCH_MAX));
	cr_expect(eq(u32, run.bytes_max, UINT32_MAX));
	cr_expect(not(sender.is_held_up));
}

/* Or whoever asks would look for what can go, again and again. */
Test(sender_urgent, the_urgent_in_the_hand_leaves_bulk_held_up)
{
	const struct send_hand hand = hand_of(1, true);
	struct send_run run;

	fill_all_paths();
	rig_offer(1, false);
	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_WAIT));
	cr_assert(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_RUN));
	cr_expect(sender.is_held_up);
	cr_expect(not(sender.is_blocked));
	sender_drop(&sender);
	cr_assert(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_RUN));
	cr_expect(not(sender.is_held_up), "nothing waits");
}

/* What never waits is offered all the same: a pause after it is one. */
Test(sender_urgent, what_is_in_the_hand_keeps_the_sender_busy)
{
	const struct send_hand bulk = hand_of(1, false), urgent = hand_of(1, true);
	struct send_run run;

	send_from(&bulk, &run);
	cr_expect(eq(u64, sender.stripe.pull.last_in_ns, RIG_START_NS));
	now_ns += NS_PER_MS;
	send_from(&urgent, &run);
	cr_expect(eq(u64, sender.stripe.pull.last_in_ns, RIG_START_NS), "they are no bulk");
	send_from(&bulk, &run);
	cr_expect(eq(u64, sender.stripe.pull.last_in_ns, now_ns));
	cr_expect(eq(u64, sender.stripe.pull.busy_from_ns, RIG_START_NS));
}

/* ---- when to come back ---- */

Test(sender_urgent, the_pump_is_for_bulk_that_waits)
{
	const struct send_hand hand = hand_of(40, false);
	struct send_run run;

	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
	fill_all_paths();
	cr_expect(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_WAIT));
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS), "it was not offered");
	rig_offer(1, true);
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS), "they need not wait");
	rig_offer(1, false);
	cr_expect(lt(u64, now_ns, sender_pump_ns(&sender)));
	cr_expect(lt(u64, sender_pump_ns(&sender), now_ns + 100 * NS_PER_MS));
	cr_expect(lt(u64, sender_pump_ns(&sender), sender_alarm_ns(&sender)));
	sender_drop(&sender);
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
}

/* Sends what may go now. */
static void send_waiting(void)
{
	struct send_run run;

	while (sender_next_run(&sender, &facts, now_ns, &run) == SENDER_RUN) {
		while (sender_take(&sender, &run))
			;
		sent(&run);
	}
}

Test(sender_urgent, at_the_pump_a_path_takes_something_and_not_long_before)
{
	fill_all_paths();
	rig_offer(2000, false);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = sender_waiting(&sender), at_ns;

		send_waiting();
		cr_assert(eq(u64, sender_waiting(&sender), before));
		at_ns = sender_pump_ns(&sender);
		cr_assert(lt(u64, now_ns + 100 * NS_PER_US, at_ns));
		now_ns = at_ns - 50 * NS_PER_US;
		send_waiting();
		cr_expect(eq(u64, sender_waiting(&sender), before));
		now_ns = at_ns;
		send_waiting();
		cr_expect(lt(u64, sender_waiting(&sender), before));
	}
}

/* What has to go once more is waited for as well, though no bulk is there. */
Test(sender_urgent, the_pump_is_for_repairs_too)
{
	const struct repair_range lost = {.first = 1, .len = 1, .key = KEY, .from = SLOW};
	struct send_numbers numbers;
	uint8_t path;

	path_model_sent(sender.stripe.model[FAST], 500000, 1, now_ns);
	path_model_sent(sender.stripe.model[SLOW], 500000, 1, now_ns);
	repair_add(&sender.stripe.repair, &lost);
	cr_expect(not(sender_next_repair(&sender, &facts, now_ns, &numbers, &path)));
	cr_assert(lt(u64, now_ns, sender_pump_ns(&sender)));
	cr_assert(ne(u64, sender_pump_ns(&sender), NEVER_NS));
	now_ns = sender_pump_ns(&sender);
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path));
	sender_repaired(&sender, path, PACKET, now_ns);
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
}

/* ---- what is worth to be kept ---- */
