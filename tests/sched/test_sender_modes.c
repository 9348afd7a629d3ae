/* SPDX-License-Identifier: MIT */
/* Failover and redundant, by what is believed of the paths. */
#include "sched/heard.h"
#include "sched/sender.h"
#include "sched/stripe_lives.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "vtrunkd/wire.h"

#define BOTH (1u << FAST | 1u << SLOW)

TestSuite(sender_modes, .init = rig_begin, .fini = rig_end);

/* The heavier first. */
static void fail_over(uint8_t first, uint8_t second)
{
	table = (struct path_table){
		.mode = BONDING_FAILOVER,
		.len = 1,
		.spare = 1,
		.slot = {{.path_id = first, .rank = 0, .weight = 2},
	                 {.path_id = second, .rank = 1, .weight = 1}},
	};
}

/* Sends for @ms what @packets are offered each ms; what goes over @answering is acknowledged.
 * Returns how many went over @path_id.
 */
static unsigned flow(unsigned ms, unsigned packets, uint8_t path_id, uint16_t answering)
{
	unsigned sent = 0;

	for (; ms--; now_ns += NS_PER_MS) {
		rig_offer(packets, false);
		sent += rig_send_all(path_id);
		for (unsigned mask = answering; mask; mask &= mask - 1) {
			struct path_model *m = sender.stripe.model[__builtin_ctz(mask)];

			path_model_note_send(m, now_ns);
			m->acked_ns = now_ns - m->srtt_ns;
			m->progress_ns = now_ns;
		}
		if (ms % 10 == 0)
			sender_tick(&sender, &facts, now_ns);
	}
	return sent;
}

/* ---- failover ---- */

Test(sender_modes, failover_takes_the_first_however_slow)
{
	struct send_run run;

	fail_over(SLOW, FAST);
	rig_offer(10, false);
	cr_assert(rig_send(&run));
	cr_expect(eq(u8, run.path_id, SLOW));
	cr_expect(eq(u16, run.path_mask, 1u << SLOW));
	cr_expect(run.is_ordered, "so that what is lost can be missed and sent again");
	rig_offer(1, true);
	cr_assert(rig_send(&run));
	cr_expect(run.is_urgent);
	cr_expect(eq(u8, run.path_id, SLOW));
	cr_expect(not(run.is_ordered));
}

Test(sender_modes, failover_waits_for_the_first_path_rather_than_take_the_second)
{
	struct send_run run;

	fail_over(FAST, SLOW);
	rig_offer(2000, false); /* 230 ms: far more than the ways differ */
	cr_expect(eq(u32, rig_send_all(SLOW), 0));
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_WAIT));
}

Test(sender_modes, failover_turns_to_the_second_when_the_first_is_overdue)
{
	unsigned since_ms = 0;

	fail_over(FAST, SLOW);
	flow(200, 5, FAST, BOTH);
	while (!(sender.stripe.dead >> FAST & 1) && since_ms < 1000)
		since_ms += 10, flow(10, 5, FAST, 1u << SLOW);
	cr_expect(le(u32, since_ms, 100));
	cr_expect(repair_is_waiting(sender.stripe.repair), "what it did not deliver goes again");
	struct send_numbers numbers;
	uint8_t path_id = 0;
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path_id));
	cr_expect(eq(u8, path_id, SLOW));
	while (repair_is_waiting(sender.stripe.repair))
		repair_skip(sender.stripe.repair);
	cr_expect(lt(u32, 0, flow(100, 2, SLOW, 1u << SLOW)));
	for (unsigned i = 0; i < STRIPE_BACK_REPORTS; i++)
		stripe_progress(&sender.stripe, FAST, now_ns);
	cr_expect(eq(u32, flow(100, 2, SLOW, BOTH), 0), "and back");
}

Test(sender_modes, failover_repairs_over_the_same_path)
{
	const struct repair_range lost = {.first = 1, .len = 1, .key = KEY, .from = FAST};
	struct send_numbers numbers;
	uint8_t path_id = 0;

	fail_over(FAST, SLOW);
	repair_add(&sender.stripe.repair, &lost);
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path_id));
	cr_expect(eq(u8, path_id, FAST));
}

/* ---- redundant ---- */

Test(sender_modes, redundant_sends_on_all_that_have_room)
{
	struct send_run run;

	table.mode = BONDING_REDUNDANT;
	rig_offer(2, false);
	cr_assert(rig_send(&run));
	cr_expect(eq(u16, run.path_mask, BOTH));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(not(run.is_ordered), "the first copy wins");
}

Test(sender_modes, redundant_has_the_rate_of_the_widest_path)
{
	table.mode = BONDING_REDUNDANT;
	unsigned fast = flow(1000, 10, FAST, BOTH); /* 112 Mbit/s */
	cr_expect(ge(u32, fast, 8300));
	cr_expect(le(u32, fast, 8700));
}

Test(sender_modes, redundant_sends_the_urgent_on_all_however_full)
{
	struct send_run run;

	table.mode = BONDING_REDUNDANT;
	rig_offer(1000, false);
	rig_send_all(FAST);
	rig_offer(1, true);
	cr_assert(rig_send(&run));
	cr_expect(run.is_urgent);
	cr_expect(eq(u16, run.path_mask, BOTH));
}

/* Of what had a copy on a path that lives nothing is sent again. */
Test(sender_modes, redundant_sends_again_what_only_the_dead_path_carried)
{
	struct send_run run;
	unsigned alone = 0;

	table.mode = BONDING_REDUNDANT;
	rig_offer(1000, false);
	for (unsigned i = 0; i < 50; i++, now_ns += NS_PER_MS / 4) {
		while (rig_send(&run))
			alone += run.path_mask == 1u << FAST ? run.packets : 0;
	}
	cr_assert(lt(u32, 0, alone));
	sender_path_failed(&sender, FAST, now_ns);
	for (unsigned i = 0; i < alone; i++) {
		cr_assert(repair_is_waiting(sender.stripe.repair));
		repair_skip(sender.stripe.repair);
	}
	cr_expect(not(repair_is_waiting(sender.stripe.repair)));
}

/* Another thread sent it, after the time was read. */
Test(sender_modes, what_left_a_moment_later_than_now_is_sent_again_too)
{
	const struct send_numbers numbers = {.first = 0, .key = KEY, .lane = LANE_ORDERED};
	struct send_run run;

	rig_offer(1, false);
	cr_assert(rig_send(&run));
	sender_departed(&sender, run.path_id, &numbers, now_ns + NS_PER_US);
	sender_path_failed(&sender, run.path_id, now_ns);
	cr_expect(repair_is_waiting(sender.stripe.repair));
}

/* As it was before anything was learned. */
Test(sender_modes, to_a_peer_that_does_not_report_all_goes_everywhere)
{
	struct send_run run;

	facts.is_reporting = facts.is_learned = false;
	table.mode = BONDING_REDUNDANT;
	rig_offer(1000, false);
	for (unsigned i = 0; i < 10; i++) {
		cr_assert(rig_send(&run));
		cr_expect(eq(u16, run.path_mask, BOTH));
		cr_expect(not(run.is_ordered));
	}
	fail_over(SLOW, FAST);
	for (unsigned i = 0; i < 5; i++) {
		cr_assert(rig_send(&run));
		cr_expect(eq(u16, run.path_mask, 1u << SLOW));
	}
}
