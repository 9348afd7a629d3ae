/* SPDX-License-Identifier: MIT */
/* Which path the next run goes over, by what is believed of them. */
#include "sched/assign.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define PACKET   1400u
#define FAST     2u
#define SLOW     3u

static struct stripe stripe;
static struct path_table table;
static uint64_t now_ns;

static void know(uint8_t path_id, uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = stripe_model(&stripe, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, mbps * 125000 * 10 / 9);
}

static void begin(void)
{
	now_ns = START_NS;
	table = (struct path_table){
		.mode = BONDING_AGGREGATE,
		.len = 2,
		.slot = {{.path_id = FAST, .weight = 1}, {.path_id = SLOW, .weight = 1}}};
	know(FAST, 100, 10);
	know(SLOW, 30, 60);
}

static void end(void)
{
	stripe_fini(&stripe);
}

TestSuite(assign, .init = begin, .fini = end);

static void load(uint8_t path_id, unsigned packets)
{
	path_model_sent(stripe.model[path_id], packets * PACKET, packets, now_ns);
}

static enum sender_outcome bulk(unsigned packets, struct send_run *ret_run)
{
	const struct send_hand hand = {.left = {(uint64_t)packets * PACKET, packets, PACKET},
	                               .read_packets = packets};

	return assign_bulk(&stripe, &table, &hand, now_ns, ret_run);
}

static enum sender_outcome urgent(unsigned packets, struct send_run *ret_run)
{
	const struct send_hand hand = {.left = {(uint64_t)packets * PACKET, packets, PACKET},
	                               .read_packets = packets,
	                               .is_urgent = true};

	return assign_urgent(&stripe, &table, &hand, now_ns, ret_run);
}

Test(assign, what_is_in_a_hurry_takes_the_quickest_path_unordered)
{
	struct send_run run;

	load(FAST, 100);
	cr_assert(eq(int, urgent(1, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(eq(u16, run.path_mask, 1 << FAST));
	cr_expect(run.is_urgent);
	cr_expect(not(run.is_ordered));
	cr_expect(eq(u32, run.packets_max, BATCH_MAX));
}

Test(assign, bulk_keeps_its_order)
{
	struct send_run run;

	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(run.is_ordered);
	cr_expect(not(run.is_urgent));
	cr_expect(lt(u32, run.bytes_max, 10 * PACKET), "half a millisecond of it");
}

Test(assign, bulk_waits_for_a_path_and_knows_for_how_long)
{
	struct send_run run;

	load(FAST, 40);
	cr_expect(eq(int, bulk(10, &run), SENDER_WAIT));
	cr_expect(lt(u64, now_ns, stripe.wait_until_ns));
	now_ns = stripe.wait_until_ns;
	cr_expect(eq(int, bulk(10, &run), SENDER_RUN));
}

Test(assign, bulk_waits_for_repairs)
{
	const struct repair_range lost = {.first = 1, .len = 1, .from = FAST};
	struct send_run run;

	cr_assert(repair_add(&stripe.repair, &lost));
	cr_expect(eq(int, bulk(10, &run), SENDER_WAIT));
	repair_skip(stripe.repair);
	cr_expect(eq(int, bulk(10, &run), SENDER_RUN));
}

Test(assign, without_a_path_nobody_takes_anything)
{
	struct send_run run;

	table.len = 0;
	cr_expect(eq(int, bulk(10, &run), SENDER_BLOCKED));
	cr_expect(eq(int, urgent(1, &run), SENDER_BLOCKED));
}

Test(assign, bulk_of_a_lossy_path_leaves_once)
{
	struct send_run run;

	stripe.model[FAST]->loss_ppm = 20000;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(int, run.copy, DUPLICATE_NOT));
}

/* ---- lowlat ---- */

Test(assign, lowlat_takes_the_quickest_path_for_bulk_too_and_waits_for_it)
{
	struct send_run run;

	table.mode = BONDING_LOWLAT;
	cr_assert(eq(int, bulk(10000, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(not(run.is_ordered));
	cr_expect(not(run.is_urgent));
	load(FAST, 40);
	cr_expect(eq(int, bulk(10000, &run), SENDER_WAIT), "however much waits");
	cr_expect(lt(u64, now_ns, stripe.wait_until_ns));
	now_ns = stripe.wait_until_ns;
	cr_assert(eq(int, bulk(10000, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
}

Test(assign, lowlat_sends_bulk_twice_over_a_path_that_loses)
{
	struct send_run run;

	table.mode = BONDING_LOWLAT;
	stripe.model[FAST]->loss_ppm = 20000;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(int, run.copy, DUPLICATE_LATER));
	cr_expect(eq(u32, run.packets_max, 1));
}

Test(assign, lowlat_moves_with_the_latency_class)
{
	struct send_run run;

	table.mode = BONDING_LOWLAT;
	stripe.suspect = 1 << FAST;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW));
	stripe.suspect = 0;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW), "it has settled there");
	now_ns += 2 * PULL_BETTER_NS;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
}

/* ---- balance ---- */

static enum sender_outcome bulk_of(uint32_t flow, struct send_run *ret_run)
{
	const struct send_hand hand = {
		.left = {10 * PACKET, 10, PACKET}, .read_packets = 10, .flow = flow};

	return assign_bulk(&stripe, &table, &hand, now_ns, ret_run);
}

/* Flow 3 on SLOW, which has less than a third of the capacity, the others on FAST. */
static void pin_flows(void)
{
	struct send_run run;

	table.mode = BONDING_BALANCE;
	for (uint32_t flow = 0; flow < 5; flow++) {
		cr_assert(eq(int, bulk_of(flow, &run), SENDER_RUN));
		cr_assert(eq(u8, run.path_id, flow == 3 ? SLOW : FAST), "%u", flow);
	}
}

Test(assign, balance_keeps_each_flow_on_a_path_of_its_own)
{
	struct send_run run;

	pin_flows();
	load(FAST, 40);
	cr_expect(eq(int, bulk_of(0, &run), SENDER_WAIT));
	cr_assert(eq(int, bulk_of(3, &run), SENDER_RUN));
	cr_expect(not(run.is_ordered));
	cr_expect(send_run_suits(&run, 3, false));
	cr_expect(not(send_run_suits(&run, 0, false)));
}

Test(assign, balance_keeps_what_is_in_a_hurry_on_the_path_of_its_flow)
{
	const struct send_hand hand = {.left = {100, 1, 100}, .read_packets = 1, .flow = 3};
	struct send_run run;

	pin_flows();
	cr_assert(eq(int, assign_urgent(&stripe, &table, &hand, now_ns, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW));
	cr_expect(not(send_run_suits(&run, 0, false)));
}

static void offer(struct send_queue *q, struct send_ticket *t, uint32_t flow)
{
	*t = (struct send_ticket){.since_ns = now_ns,
	                          .packets = 1,
	                          .packet_bytes = PACKET,
	                          .last_bytes = PACKET,
	                          .flow = flow};
	send_queue_put(q, t);
}

Test(assign, balance_gives_the_turn_to_a_flow_whose_path_has_room)
{
	struct send_queue q = {0};
	struct send_ticket ticket[3];

	pin_flows();
	send_queue_make_fair(&q);
	for (uint32_t flow = 1; flow < 4; flow++)
		offer(&q, &ticket[flow - 1], flow);
	load(FAST, 40);
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	cr_expect(eq(u32, send_queue_take(&q)->flow, 3));
	cr_expect(not(assign_turn(&stripe, &table, &q, now_ns)));
	cr_expect(lt(u64, now_ns, stripe.wait_until_ns));
	now_ns = stripe.wait_until_ns;
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	cr_expect(eq(u32, send_queue_take(&q)->flow, 1));
	send_queue_take(&q);
	send_queue_rest(&q);
}

/* ---- a path by configuration ---- */

static enum sender_outcome pinned(uint8_t path_id, struct send_run *ret_run)
{
	const struct send_hand hand = {.left = {10 * PACKET, 10, PACKET},
	                               .read_packets = 10,
	                               .flow = 7,
	                               .is_pinned = true,
	                               .path_id = path_id};

	return assign_bulk(&stripe, &table, &hand, now_ns, ret_run);
}

Test(assign, what_has_a_path_by_configuration_takes_that_in_every_mode)
{
	static const enum bonding_mode modes[] = {BONDING_AGGREGATE, BONDING_LOWLAT,
	                                          BONDING_BALANCE};
	struct send_run run;

	for (unsigned i = 0; i < 3; i++) {
		table.mode = modes[i];
		cr_assert(eq(int, pinned(SLOW, &run), SENDER_RUN));
		cr_expect(eq(u8, run.path_id, SLOW));
		cr_expect(not(run.is_ordered));
		cr_expect(send_run_suits(&run, 7, true));
		cr_expect(not(send_run_suits(&run, 7, false)));
	}
	load(SLOW, 40);
	cr_expect(eq(int, pinned(SLOW, &run), SENDER_WAIT));
}

Test(assign, what_has_a_path_that_takes_no_data_goes_as_the_rest)
{
	struct send_run run;

	cr_assert(eq(int, pinned(9, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(run.is_ordered);
	stripe.dead = 1 << SLOW;
	cr_assert(eq(int, pinned(SLOW, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
}

Test(assign, who_has_a_path_and_who_has_none_do_not_wait_for_each_other)
{
	struct send_queue q = {0};
	struct send_ticket ticket[2];

	send_queue_make_fair(&q);
	offer(&q, &ticket[0], 1);
	ticket[1] = ticket[0];
	ticket[1].flow = 2;
	ticket[1].is_pinned = true;
	ticket[1].path_id = SLOW;
	send_queue_put(&q, &ticket[1]);
	load(FAST, 40);
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	cr_expect(eq(u32, q.first->flow, 2));
	load(SLOW, 40);
	cr_expect(not(assign_turn(&stripe, &table, &q, now_ns)));
	now_ns = stripe.wait_until_ns;
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	cr_expect(eq(u32, send_queue_take(&q)->flow, 1));
	send_queue_take(&q);
	send_queue_rest(&q);
}

static void expect_whole_over_the_silent(enum bonding_mode mode)
{
	struct send_run run;

	table.mode = mode;
	cr_assert(eq(int, bulk(1, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(eq(u16, run.path_mask, 1 << FAST | 1 << SLOW));
	cr_expect(eq(u32, run.packets_max, 1));
}

Test(assign, what_only_a_silent_path_carries_whole_goes_over_it_too)
{
	table.slot[0].packet_max = table.fits_all = PACKET - 1;
	stripe.dead = 1u << SLOW;
	expect_whole_over_the_silent(BONDING_LOWLAT);
	expect_whole_over_the_silent(BONDING_BALANCE);
}

/* ---- limits of links ---- */

/* Both paths are over one link of ours. */
static void limit_link(uint32_t kbps)
{
	table.is_limited = true;
	for (unsigned i = 0; i < table.len; i++)
		table.slot[i].limit[LIMIT_OURS] = (struct path_limit){.kbps = kbps};
	pacers_follow(&stripe.pacers, &table);
}

/* What another path of its link took. */
static void fill_link(unsigned packets)
{
	pacers_charge(&stripe.pacers, 1 << SLOW, (uint64_t)packets * PACKET, now_ns);
}

static enum sender_outcome bulk_over_fast(struct send_run *ret_run)
{
	return bulk(10, ret_run);
}

static enum sender_outcome flow_over_fast(struct send_run *ret_run)
{
	return bulk_of(0, ret_run);
}

static enum sender_outcome pinned_to_fast(struct send_run *ret_run)
{
	return pinned(FAST, ret_run);
}

/* The path has room; its link has not for 12 ms. */
static void expect_held_back(enum sender_outcome (*ask)(struct send_run *ret_run))
{
	struct send_run run;

	limit_link(8000);
	cr_assert(eq(int, ask(&run), SENDER_RUN));
	fill_link(10);
	cr_assert(eq(int, ask(&run), SENDER_WAIT));
	cr_expect(ge(u64, stripe.wait_until_ns, now_ns + 12 * NS_PER_MS));
	cr_expect(lt(u64, stripe.wait_until_ns, now_ns + 13 * NS_PER_MS));
	now_ns = stripe.wait_until_ns;
	cr_assert(eq(int, ask(&run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
}

Test(assign, limit_of_a_link_holds_bulk_back)
{
	expect_held_back(bulk_over_fast);
}

Test(assign, limit_of_a_link_holds_bulk_back_in_lowlat)
{
	table.mode = BONDING_LOWLAT;
	expect_held_back(bulk_over_fast);
}

Test(assign, limit_of_a_link_holds_bulk_back_in_balance)
{
	pin_flows();
	expect_held_back(flow_over_fast);
}

Test(assign, limit_of_a_link_holds_back_what_has_its_path_by_configuration)
{
	expect_held_back(pinned_to_fast);
}

Test(assign, limit_of_a_link_holds_nothing_back_that_is_in_a_hurry)
{
	static const enum bonding_mode modes[] = {BONDING_AGGREGATE, BONDING_LOWLAT,
	                                          BONDING_BALANCE};
	struct send_run run;

	limit_link(8000);
	fill_link(1000);
	for (unsigned i = 0; i < 3; i++) {
		table.mode = modes[i];
		cr_expect(eq(int, urgent(1, &run), SENDER_RUN));
	}
}

/* What @ask gives of the path in a second. */
static uint64_t bytes_of_a_second(enum sender_outcome (*ask)(struct send_run *ret_run))
{
	const uint64_t end_ns = now_ns + NS_PER_S;
	uint64_t bytes = 0;
	struct send_run run;

	while (now_ns < end_ns) {
		if (ask(&run) != SENDER_RUN) {
			cr_assert(lt(u64, now_ns, stripe.wait_until_ns));
			now_ns = stripe.wait_until_ns;
			continue;
		}
		while (send_run_add(&run, PACKET))
			;
		path_model_sent(stripe.model[FAST], run.bytes, run.packets, now_ns);
		pacers_charge(&stripe.pacers, run.path_mask,
		              run.bytes + run.packets * PATH_OVERHEAD, now_ns);
		bytes += run.bytes + run.packets * PATH_OVERHEAD;
	}
	return bytes;
}

static void expect_rate(enum sender_outcome (*ask)(struct send_run *ret_run))
{
	uint64_t bytes;

	limit_link(16000);
	bytes = bytes_of_a_second(ask);
	cr_expect(ge(u64, bytes, 1900000));
	cr_expect(le(u64, bytes, 2010000));
}

Test(assign, limit_is_the_rate_of_bulk_in_lowlat)
{
	table.mode = BONDING_LOWLAT;
	expect_rate(bulk_over_fast);
}

Test(assign, limit_is_the_rate_of_bulk_in_balance)
{
	pin_flows();
	expect_rate(flow_over_fast);
}

Test(assign, limit_is_the_rate_of_what_has_its_path_by_configuration)
{
	expect_rate(pinned_to_fast);
}

/* FAST alone has a limit, and has used it up. */
static void use_up_fast(void)
{
	table.is_limited = true;
	table.slot[0].limit[LIMIT_OURS] = (struct path_limit){.kbps = 8000};
	pacers_follow(&stripe.pacers, &table);
	pacers_charge(&stripe.pacers, 1 << FAST, 10 * PACKET, now_ns);
}

Test(assign, flow_that_a_limit_holds_back_leaves_the_turn_to_others)
{
	struct send_queue q = {0};
	struct send_ticket ticket[2];

	pin_flows();
	send_queue_make_fair(&q);
	offer(&q, &ticket[0], 1);
	offer(&q, &ticket[1], 3);
	use_up_fast();
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	cr_expect(eq(u32, send_queue_take(&q)->flow, 3));
	cr_expect(not(assign_turn(&stripe, &table, &q, now_ns)));
	cr_expect(ge(u64, stripe.wait_until_ns, now_ns + 12 * NS_PER_MS));
	now_ns = stripe.wait_until_ns;
	cr_assert(assign_turn(&stripe, &table, &q, now_ns));
	send_queue_take(&q);
	send_queue_rest(&q);
}

Test(assign, pinned_flow_that_a_limit_holds_back_leaves_the_turn_to_others)
{
	struct send_queue q = {0};
	struct send_ticket ticket;

	offer(&q, &ticket, 1);
	ticket.is_pinned = true;
	ticket.path_id = FAST;
	cr_expect(assign_turn(&stripe, &table, &q, now_ns));
	use_up_fast();
	cr_expect(not(assign_turn(&stripe, &table, &q, now_ns)));
	cr_expect(ge(u64, stripe.wait_until_ns, now_ns + 12 * NS_PER_MS));
	send_queue_take(&q);
}

/* ---- roles of links ---- */

/* FAST stands behind SLOW. */
static void set_role(enum link_role role)
{
	const struct path_slot fast = table.slot[0];

	table.slot[0] = table.slot[1];
	table.slot[1] = fast;
	table.slot[1].rank = 1;
	table.slot[1].role = role;
	table.len = table.spare = 1;
}

static void expect_primary_in(enum bonding_mode mode)
{
	struct send_run run;

	table.mode = mode;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW), "mode %d", mode);
	cr_assert(eq(int, urgent(1, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW), "mode %d", mode);
	stripe.model[SLOW]->loss_ppm = 20000;
	cr_assert(eq(int, urgent(1, &run), SENDER_RUN));
	cr_expect(eq(u16, run.path_mask, 1 << SLOW), "no copy elsewhere, mode %d", mode);
	stripe.model[SLOW]->loss_ppm = 0;
}

Test(assign, backup_takes_nothing_while_a_primary_path_lives)
{
	struct send_run run;

	set_role(LINK_ROLE_BACKUP);
	expect_primary_in(BONDING_LOWLAT);
	expect_primary_in(BONDING_BALANCE);
	cr_assert(eq(int, pinned(FAST, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW), "nor what configuration gives it");
	stripe.dead = 1 << SLOW;
	cr_assert(eq(int, bulk_of(1, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	table.mode = BONDING_LOWLAT;
	cr_assert(eq(int, bulk(10, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
}

Test(assign, where_nothing_is_striped_nothing_is_left_to_the_overflow)
{
	set_role(LINK_ROLE_OVERFLOW);
	stripe.overflow.is_open = true;
	expect_primary_in(BONDING_LOWLAT);
	expect_primary_in(BONDING_BALANCE);
}

Test(assign, overflow_takes_what_configuration_gives_it_while_the_primary_path_is_full)
{
	struct send_run run;

	set_role(LINK_ROLE_OVERFLOW);
	cr_assert(eq(int, pinned(FAST, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, SLOW));
	for (unsigned i = 0; i < 250; i++, now_ns += NS_PER_MS)
		pinned(FAST, &run);
	cr_expect(not(stripe.overflow.is_open), "nothing was sent");
	for (unsigned i = 0; i < 250; i++, now_ns += NS_PER_MS) {
		stripe.overflow.sent_bytes += 10 * PACKET;
		pinned(FAST, &run);
	}
	cr_expect(stripe.overflow.is_open);
	cr_assert(eq(int, pinned(FAST, &run), SENDER_RUN));
	cr_expect(eq(u8, run.path_id, FAST));
	cr_expect(run.is_pinned);
}
