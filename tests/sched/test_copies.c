/* SPDX-License-Identifier: MIT */
/* A sender whose latency class leaves twice. */
#include "sched/copies.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define PACKET   200u
#define FAST     2u
#define NEAR     3u
#define KEY      9u

static struct sender sender;
static struct path_table table;
static struct sender_facts facts = {
	.table = &table, .has_session = true, .is_reporting = true, .is_learned = true};
static struct send_ticket ticket[64];
static unsigned offered;
static uint64_t now_ns;

static struct path_model *know(uint8_t path_id, int64_t delay_ms)
{
	struct path_model *m = stripe_model(&sender.stripe, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, 100 * 125000);
	return m;
}

static void begin(void)
{
	now_ns = START_NS;
	table = (struct path_table){
		.mode = BONDING_AGGREGATE,
		.len = 2,
		.slot = {{.path_id = FAST, .weight = 1}, {.path_id = NEAR, .weight = 1}}};
	sender_init(&sender);
	know(FAST, 10)->loss_ppm = 20000;
	know(NEAR, 60);
}

static void end(void)
{
	while (sender_drop(&sender))
		;
	sender_fini(&sender);
}

TestSuite(copies, .init = begin, .fini = end);

static void offer(unsigned packets, uint32_t flow)
{
	struct send_ticket *t = &ticket[offered++];

	*t = (struct send_ticket){.since_ns = now_ns,
	                          .packets = packets,
	                          .packet_bytes = PACKET,
	                          .last_bytes = PACKET,
	                          .is_urgent = true,
	                          .flow = flow};
	sender_offer(&sender, t);
}

/* The next run leaves under numbers from @first on. */
static struct send_run send(uint64_t first)
{
	const struct send_numbers numbers = {.first = first, .key = KEY, .lane = LANE_UNORDERED};
	struct send_run run;

	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	while (sender_take(&sender, &run))
		;
	sender_sent(&sender, &facts, &run, &numbers, now_ns);
	if (run.copy == DUPLICATE_LATER)
		sender_copy_later(&sender, run.path_id, &numbers, now_ns);
	return run;
}

Test(copies, where_another_path_is_near_one_run_goes_over_both)
{
	know(NEAR, 12);
	stripe_forget(&sender.stripe);
	know(FAST, 10)->loss_ppm = 20000;
	know(NEAR, 12);
	offer(1, 1);
	const struct send_run run = send(0);
	const struct send_numbers numbers = {.first = 0, .key = KEY, .lane = LANE_UNORDERED};

	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(eq(u16, run.path_mask, 1 << FAST | 1 << NEAR));
	cr_expect(sender_find(&sender, FAST, &numbers) && sender_find(&sender, NEAR, &numbers),
	          "each path has a record of it");
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
}

Test(copies, where_none_is_the_copy_leaves_5_ms_later_and_counts)
{
	struct send_numbers numbers;
	uint8_t path_id;

	offer(1, 1);
	cr_assert(eq(u16, send(7).path_mask, 1 << FAST));
	cr_assert(eq(u64, sender_pump_ns(&sender), now_ns + DUPLICATE_LATER_NS));
	cr_expect(not(sender_copy_is_due(&sender, now_ns)));
	now_ns += DUPLICATE_LATER_NS;
	cr_assert(sender_copy_is_due(&sender, now_ns));
	cr_assert(sender_take_copy(&sender, &facts, &numbers, &path_id));
	cr_expect(eq(u8, path_id, FAST));
	cr_expect(eq(u64, numbers.first, 7));
	cr_expect(eq(u32, numbers.key, KEY));
	cr_expect(eq(u8, numbers.lane, LANE_UNORDERED));
	cr_expect(eq(u64, sender.log[FAST]->packets, 1));
	sender_copied(&sender, path_id, PACKET, now_ns);
	cr_expect(eq(u64, sender.log[FAST]->packets, 2));
	cr_expect(eq(u64, sender.log[FAST]->bytes, 2 * PACKET));
	cr_expect(lt(u64, 0, path_model_queue_ns(sender.stripe.model[FAST], now_ns)));
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
	cr_expect(eq(u32, sender.stripe.model[FAST]->sends, 1), "one moment for both");
}

Test(copies, one_that_is_not_kept_counts_for_nothing)
{
	struct send_numbers numbers;
	uint8_t path_id;

	offer(1, 1);
	send(0);
	cr_assert(sender_take_copy(&sender, &facts, &numbers, &path_id));
	sender_copied(&sender, path_id, 0, now_ns);
	cr_expect(eq(u64, sender.log[FAST]->packets, 1));
}

Test(copies, nothing_is_copied_onto_a_path_that_carries_no_data_any_more)
{
	struct send_numbers numbers;
	uint8_t path_id;

	offer(1, 1);
	offer(1, 1);
	send(0);
	send(1);
	sender.stripe.dead = 1 << FAST;
	cr_expect(not(sender_take_copy(&sender, &facts, &numbers, &path_id)));
	sender.stripe.dead = 0;
	table.slot[0] = table.slot[1];
	table.len = 1;
	cr_expect(not(sender_take_copy(&sender, &facts, &numbers, &path_id)));
}

Test(copies, each_packet_is_judged_on_its_own_and_what_has_no_budget_goes_by_reads)
{
	struct send_run run;
	unsigned copies = 0;

	offer(60, 1);
	offer(1, 2);
	while ((run = send(copies)).copy != DUPLICATE_NOT) {
		cr_assert(eq(u32, run.packets, 1));
		copies++;
	}
	cr_expect(ge(u32, copies, 15));
	cr_expect(le(u32, copies, 20), "a quarter of a second of 128 kbit/s");
	cr_expect(eq(u32, run.packets, 60 - copies), "the rest of the read");
	run = send(60);
	cr_expect(eq(u32, run.packets, 1));
	cr_expect(eq(int, run.copy, DUPLICATE_LATER), "another flow has a budget of its own");
}

Test(copies, asking_costs_no_budget)
{
	struct send_run run;

	offer(1, 1);
	for (unsigned i = 0; i < 1000; i++) {
		cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
		cr_assert(eq(int, run.copy, DUPLICATE_LATER));
	}
}

Test(copies, forgotten_they_wake_nobody)
{
	sender_forget_copies(&sender);
	offer(1, 1);
	send(0);
	sender_forget_copies(&sender);
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS));
}

/* ---- limits of links ---- */

static void limit(uint32_t kbps)
{
	table.is_limited = true;
	for (unsigned i = 0; i < table.len; i++)
		table.slot[i].limit[LIMIT_OURS] =
			(struct path_limit){.link = (uint8_t)i, .kbps = kbps};
}

/* How long what was sent over it takes at 1 Mbit/s. */
static uint64_t charged_ns(uint8_t path_id)
{
	const struct pacers *p = &sender.stripe.pacers;
	uint64_t busy_ns = p->busy_ns[LIMIT_OURS][p->of[path_id][LIMIT_OURS].link];

	return busy_ns > now_ns ? busy_ns - now_ns : 0;
}

#define ONE_NS ((PACKET + PATH_OVERHEAD) * 8000ull)

Test(copies, what_leaves_over_two_paths_is_charged_to_the_limits_of_both)
{
	stripe_forget(&sender.stripe);
	know(FAST, 10)->loss_ppm = 20000;
	know(NEAR, 12);
	limit(1000);
	offer(1, 1);
	cr_assert(eq(u16, send(0).path_mask, 1 << FAST | 1 << NEAR));
	cr_expect(eq(u64, charged_ns(FAST), ONE_NS));
	cr_expect(eq(u64, charged_ns(NEAR), ONE_NS));
}

Test(copies, what_leaves_later_is_charged_to_the_limit_too)
{
	limit(1000);
	offer(1, 1);
	cr_assert(eq(u16, send(0).path_mask, 1 << FAST));
	cr_expect(eq(u64, charged_ns(FAST), ONE_NS));
	sender_copied(&sender, FAST, PACKET, now_ns);
	cr_expect(eq(u64, charged_ns(FAST), 2 * ONE_NS));
	sender_copied(&sender, FAST, 0, now_ns);
	cr_expect(eq(u64, charged_ns(FAST), 2 * ONE_NS), "it did not leave");
	cr_expect(eq(u64, charged_ns(NEAR), 0));
}
