/* SPDX-License-Identifier: MIT */
/* A sender whose peer reports what arrives. */
#include "sched/heard.h"
#include "sched/sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "learned_rig.h"
#include "vtrunkd/wire.h"

TestSuite(sender_learned, .init = rig_begin, .fini = rig_end);

Test(sender_learned, a_full_path_makes_it_wait_for_the_alarm)
{
	struct send_run run;

	rig_offer(100, false);
	unsigned first = rig_send_all(FAST);
	cr_expect(ge(u32, first, 17), "2 ms of 100 Mbit/s");
	cr_expect(le(u32, first, 24));
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_WAIT));
	uint64_t at_ns = sender_pump_ns(&sender);
	cr_assert(lt(u64, now_ns, at_ns));
	cr_assert(le(u64, at_ns, now_ns + NS_PER_MS));
	now_ns = at_ns;
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
}

Test(sender_learned, a_slow_path_takes_part_in_a_long_backlog_only)
{
	rig_offer(100, false);
	cr_expect(eq(u32, rig_send_all(SLOW), 0));
	rig_offer(900, false);
	cr_expect(lt(u32, 0, rig_send_all(SLOW)));
}

Test(sender_learned, a_run_is_of_half_a_millisecond)
{
	struct send_run run;

	rig_offer(100, false);
	cr_assert(rig_send(&run));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(run.is_ordered);
	cr_expect(ge(u32, run.packets, 4));
	cr_expect(le(u32, run.packets, 5));
}

Test(sender_learned, the_urgent_go_first_and_unordered)
{
	struct send_run run;

	rig_offer(100, false);
	rig_send_all(FAST);
	rig_offer(2, true);
	cr_assert(rig_send(&run), "however full the path");
	cr_expect(eq(u32, run.packets, 2));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(not(run.is_ordered));
	const struct send_numbers numbers = {.first = 0, .key = KEY, .lane = LANE_UNORDERED};
	cr_expect(sender_find(&sender, FAST, &numbers) != NULL);
}

Test(sender_learned, a_record_says_what_the_queue_was)
{
	struct send_run run;
	const struct send_numbers first = {.first = 0, .key = KEY},
				  later = {.first = 5, .key = KEY};

	rig_offer(100, false);
	rig_send(&run);
	rig_send(&run);
	const struct send_record *r = sender_find(&sender, FAST, &first);
	cr_assert(r != NULL);
	cr_expect(eq(u32, r->queue_ns, 0));
	r = sender_find(&sender, FAST, &later);
	cr_assert(r != NULL);
	cr_expect(ge(u32, r->queue_ns, 400000));
	cr_expect(le(u32, r->queue_ns, 600000));
}

Test(sender_learned, bulk_that_waits_for_long_is_congestion)
{
	struct send_run run;
	unsigned dropped = 0;

	rig_offer(2000, false);
	for (unsigned ms = 0; ms < 400; ms++, now_ns += NS_PER_MS) {
		while (sender_congested(&sender, &facts, now_ns)) {
			cr_assert(sender_drop(&sender) != NULL);
			dropped++;
		}
		while (sender.waiting.packets > 900 && rig_send(&run))
			;
		rig_offer(5, false);
	}
	cr_expect(ge(u32, dropped, 1));
	cr_expect(le(u32, dropped, 20), "one by one");
}

static void offer_ect(unsigned packets)
{
	while (packets--)
		rig_offer_one(false)->is_ect = true;
}

/* Who is marked needs no drop; that the packet still waits makes no second mark of it. */
Test(sender_learned, bulk_that_waits_for_long_is_marked_if_its_sender_takes_marks)
{
	unsigned marked = 0;
	struct send_run run;

	offer_ect(2000);
	for (unsigned ms = 0; ms < 400; ms++, now_ns += NS_PER_MS) {
		enum sender_congestion what = sender_congested(&sender, &facts, now_ns);

		cr_assert(ne(int, what, SENDER_DROPS));
		marked += what == SENDER_MARKS;
		while (sender.waiting.packets > 900 && rig_send(&run))
			;
		offer_ect(5);
	}
	cr_expect(ge(u32, marked, 1));
	cr_expect(le(u32, marked, 20), "one by one");
}

Test(sender_learned, more_than_may_wait_is_dropped_though_its_sender_takes_marks)
{
	unsigned dropped = 0;

	offer_ect(RIG_TICKETS);
	for (; sender_congested(&sender, &facts, now_ns) == SENDER_DROPS; dropped++)
		sender_drop(&sender);
	cr_expect(ge(u32, dropped, 20));
	cr_expect(le(u32, dropped, 50));
}

Test(sender_learned, more_than_may_wait_is_dropped_at_once)
{
	unsigned dropped = 0;

	rig_offer(RIG_TICKETS,
	          false); /* 5.73 MB; of both 350 ms are 5.69: what the slow one needs to join */
	for (; sender_congested(&sender, &facts, now_ns); dropped++)
		sender_drop(&sender);
	cr_expect(ge(u32, dropped, 20));
	cr_expect(le(u32, dropped, 50));
}

Test(sender_learned, without_reports_the_weights_decide)
{
	facts.is_reporting = false;
	rig_offer(100, false);
	unsigned slow = rig_send_all(SLOW);
	cr_expect(ge(u32, slow, 48));
	cr_expect(le(u32, slow, 52));
}

Test(sender_learned, models_may_learn_while_the_weights_decide)
{
	facts.is_learned = false;
	rig_offer(100, false);
	unsigned slow = rig_send_all(SLOW);
	cr_expect(ge(u32, slow, 48));
	cr_expect(le(u32, slow, 52));
	cr_expect(lt(u64, 0, path_model_queue_ns(sender.stripe.model[FAST], now_ns)));
	cr_expect(lt(u64, path_model_queue_ns(sender.stripe.model[FAST], now_ns),
	             path_model_queue_ns(sender.stripe.model[SLOW], now_ns)));
}

/* As in redundant mode. */
Test(sender_learned, what_goes_over_several_paths_is_charged_to_each)
{
	const struct send_run run = {.path_mask = 1u << FAST | 1u << SLOW,
	                             .path_id = FAST,
	                             .bytes = 10 * PACKET,
	                             .packets = 10};
	const struct send_numbers numbers = {.key = KEY, .lane = LANE_UNORDERED};

	facts.is_learned = false;
	sender_record(&sender, &facts, &run, &numbers, now_ns);
	for (unsigned id = FAST; id <= SLOW; id++) {
		const struct send_record *r = sender_find(&sender, id, &numbers);

		cr_assert(ne(ptr, (void *)r, NULL));
		cr_expect(eq(u32, r->packets, 10));
		cr_expect(lt(u64, 0, path_model_queue_ns(sender.stripe.model[id], now_ns)));
	}
}

Test(sender_learned, a_record_has_the_time_at_which_the_run_left)
{
	const struct send_run run = {.path_mask = 1u << FAST, .bytes = PACKET, .packets = 1};
	const struct send_numbers numbers = {.first = 5, .key = KEY, .lane = LANE_ORDERED};
	const struct send_numbers unknown = {.first = 6, .key = KEY, .lane = LANE_ORDERED};

	sender_departed(&sender, FAST, &numbers, now_ns); /* nothing was recorded yet */
	sender_record(&sender, &facts, &run, &numbers, now_ns);
	sender_departed(&sender, FAST, &unknown, now_ns + 1);
	sender_departed(&sender, SLOW, &numbers, now_ns + 1);
	cr_expect(eq(u64, sender_find(&sender, FAST, &numbers)->t_tx_ns, now_ns));
	sender_departed(&sender, FAST, &numbers, now_ns + NS_PER_MS);
	cr_expect(eq(u64, sender_find(&sender, FAST, &numbers)->t_tx_ns, now_ns + NS_PER_MS));
}

Test(sender_learned, without_a_session_nothing_goes)
{
	struct send_run run;

	facts.has_session = false;
	rig_offer(1, false);
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_BLOCKED));
}

Test(sender_learned, repairs_go_before_bulk)
{
	struct send_run run;
	const struct repair_range lost = {.first = 1, .len = 1, .key = KEY, .from = SLOW};
	struct send_numbers numbers;
	uint8_t path;

	rig_offer(10, false);
	repair_add(&sender.stripe.repair, &lost);
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_WAIT));
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path));
	cr_expect(eq(u8, path, FAST));
	sender_repaired(&sender, path, PACKET, now_ns);
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
}

/* One at a time. */
static void offer_pinned(uint32_t flow, uint8_t path_id)
{
	static struct send_ticket t;

	t = (struct send_ticket){.since_ns = now_ns,
	                         .packets = 1,
	                         .packet_bytes = PACKET,
	                         .last_bytes = PACKET,
	                         .flow = flow,
	                         .is_pinned = true,
	                         .path_id = path_id};
	sender_offer(&sender, &t);
}

Test(sender_learned, what_has_a_path_by_configuration_waits_for_that_alone)
{
	const struct send_hand hand = {.left = {10 * PACKET, 10, PACKET}, .read_packets = 10};
	struct send_run run;

	path_model_sent(sender.stripe.model[FAST], 40 * PACKET, 40, now_ns);
	cr_assert(eq(int, sender_run_for(&sender, &facts, &hand, now_ns, &run), SENDER_WAIT));
	rig_offer(10, false);
	offer_pinned(5, SLOW);
	cr_assert(rig_send(&run));
	cr_expect(eq(u8, run.path_id, SLOW));
	cr_expect(eq(u32, run.packets, 1));
	cr_expect(not(run.is_ordered));
	cr_expect(eq(u64, sender.pinned, 0));
	offer_pinned(5, FAST);
	cr_expect(not(rig_send(&run)), "nobody has room");
	cr_expect(eq(u64, sender.pinned, 1));
}

/* The facts may change while it waits. */
Test(sender_learned, where_weights_decide_a_path_by_configuration_counts_for_nothing)
{
	struct send_run run;

	offer_pinned(5, SLOW);
	rig_offer(1, false);
	facts.is_learned = false;
	while (rig_send(&run))
		cr_assert(lt(u32, 0, run.packets));
	cr_expect(eq(u64, sender_waiting(&sender), 0));
	cr_expect(eq(u64, sender.pinned, 0));
}
