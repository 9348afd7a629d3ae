/* SPDX-License-Identifier: MIT */
#include "sched/sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define PACKET   1400u
#define TICKETS  512u

static struct sender sender;
static struct send_ticket ticket[TICKETS];
static unsigned offered; /* tickets so far */
static struct path_table table;
static struct sender_facts facts = {.table = &table, .has_session = true};
static uint64_t next_counter;

static void begin(void)
{
	sender_init(&sender);
}

TestSuite(sender, .init = begin);

static void set_paths(enum bonding_mode mode, unsigned len, uint32_t weight)
{
	table = (struct path_table){.mode = mode, .len = len};
	for (unsigned i = 0; i < len; i++)
		table.slot[i] = (struct path_slot){.path_id = (uint8_t)(2 + i), .weight = weight};
}

/* A super-packet of @packets. */
static void offer(uint32_t packets, uint64_t now_ns)
{
	struct send_ticket *t = &ticket[offered++ % TICKETS];

	cr_assert(eq(u32, t->packets, 0), "the rig has too few tickets");
	*t = (struct send_ticket){.since_ns = now_ns,
	                          .packets = packets,
	                          .packet_bytes = PACKET,
	                          .last_bytes = PACKET};
	sender_offer(&sender, t);
}

static struct send_run next_run(uint64_t now_ns)
{
	struct send_run run = {0};

	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	return run;
}

/* Takes up to @packets for @run. */
static void take(struct send_run *run, unsigned packets)
{
	while (packets-- && sender_take(&sender, run))
		;
}

static void sent(const struct send_run *run, uint64_t now_ns)
{
	const struct send_numbers numbers = {.first = next_counter, .key = 9, .lane = 0};

	next_counter += run->packets;
	sender_sent(&sender, &facts, run, &numbers, now_ns);
}

/* One run of at most @packets. */
static struct send_run send_run(unsigned packets, uint64_t now_ns)
{
	struct send_run run = next_run(now_ns);

	take(&run, packets);
	sent(&run, now_ns);
	return run;
}

static void send_all(uint64_t now_ns)
{
	while (sender.waiting.first)
		send_run(BATCH_MAX, now_ns);
}

static void drop_all(void)
{
	while (sender_drop(&sender))
		;
	sender_fini(&sender);
}

/* ---- who takes how much ---- */

Test(sender, has_nothing_to_do_at_first)
{
	struct send_run run;

	set_paths(BONDING_AGGREGATE, 2, 1);
	cr_expect(eq(int, sender_next_run(&sender, &facts, START_NS, &run), SENDER_NOTHING));
	cr_expect(eq(u64, sender_alarm_ns(&sender), NEVER_NS));
	cr_expect(eq(int, sender_excess(&sender, START_NS), SENDER_KEEPS));
	cr_expect(sender_drop(&sender) == NULL);
}

Test(sender, waits_for_a_session_and_a_path)
{
	struct send_run run;

	offer(1, START_NS);
	cr_expect(eq(int, sender_next_run(&sender, &facts, START_NS, &run), SENDER_BLOCKED));
	facts.table = NULL;
	cr_expect(eq(int, sender_next_run(&sender, &facts, START_NS, &run), SENDER_BLOCKED));
	facts.table = &table;
	set_paths(BONDING_AGGREGATE, 1, 1);
	facts.has_session = false;
	cr_expect(eq(int, sender_next_run(&sender, &facts, START_NS, &run), SENDER_BLOCKED));
	facts.has_session = true;
	cr_expect(eq(int, sender_next_run(&sender, &facts, START_NS, &run), SENDER_RUN));
	cr_expect(eq(uint, run.path_id, 2));
	drop_all();
}

Test(sender, a_single_path_takes_all_it_can)
{
	set_paths(BONDING_AGGREGATE, 1, 1);
	offer(BATCH_MAX + 6, START_NS);
	cr_expect(eq(u32, send_run(UINT32_MAX, START_NS).packets, BATCH_MAX));
	cr_expect(eq(u32, send_run(UINT32_MAX, START_NS).packets, 6));
	sender_fini(&sender);
}

Test(sender, the_mode_says_where_and_whether_order_counts)
{
	static const struct {
		enum bonding_mode mode;
		uint16_t mask;
		bool is_ordered;
	} cases[] = {
		{BONDING_AGGREGATE, 1 << 2, true},
		{BONDING_REDUNDANT, 1 << 2 | 1 << 3 | 1 << 4, false},
		{BONDING_FAILOVER, 1 << 2, false},
		{BONDING_LOWLAT, 1 << 2, false},
		{BONDING_BALANCE, 1 << 2, true},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		set_paths(cases[i].mode, cases[i].mode == BONDING_FAILOVER ? 1 : 3, 1);
		offer(2, START_NS);
		struct send_run run = next_run(START_NS);

		cr_expect(eq(u16, run.path_mask, cases[i].mask), "%u", i);
		cr_expect(eq(int, run.is_ordered, cases[i].is_ordered), "%u", i);
		cr_expect(eq(uint, run.path_id, 2), "%u", i);
		drop_all();
	}
}

Test(sender, without_reports_lowlat_goes_by_the_greatest_weight)
{
	set_paths(BONDING_LOWLAT, 3, 1);
	table.slot[1].weight = 3;
	offer(6, START_NS);
	struct send_run run = next_run(START_NS);

	cr_expect(eq(uint, run.path_id, table.slot[1].path_id));
	cr_expect(eq(u32, run.bytes_max, UINT32_MAX), "no turns");
	drop_all();
}

/* ---- limits, where nothing is learned ---- */

/* Of the @len paths, each over a link of its own; 0: none. */
static void set_limits(const uint32_t *kbps)
{
	table.is_limited = true;
	for (unsigned i = 0; i < table.len; i++)
		table.slot[i].limit[LIMIT_OURS] = (struct path_limit){(uint8_t)i, kbps[i]};
}

/* What each slot takes in a second of as much as it may. */
static void take_for_a_second(uint64_t ret_bytes[2])
{
	struct send_run run;

	ret_bytes[0] = ret_bytes[1] = 0;
	for (uint64_t now_ns = NS_PER_S; now_ns < 2 * NS_PER_S; now_ns += NS_PER_MS / 4) {
		while (sender_waiting(&sender) < 64)
			offer(32, now_ns);
		for (unsigned n = 0; n < 8; n++) {
			if (sender_next_run(&sender, &facts, now_ns, &run) != SENDER_RUN)
				break;
			take(&run, 64);
			sent(&run, now_ns);
			for (unsigned mask = run.path_mask; mask; mask &= mask - 1)
				ret_bytes[__builtin_ctz(mask) - 2] +=
					run.bytes + run.packets * PATH_OVERHEAD;
		}
	}
	drop_all();
}

Test(sender, limit_holds_back_a_single_path)
{
	uint64_t bytes[2];

	set_paths(BONDING_AGGREGATE, 1, 1);
	set_limits((uint32_t[]){8000});
	take_for_a_second(bytes);
	cr_expect(ge(u64, bytes[0], 980000));
	cr_expect(le(u64, bytes[0], 1010000));
}

Test(sender, path_that_is_held_back_leaves_more_to_the_other)
{
	uint64_t bytes[2];

	set_paths(BONDING_AGGREGATE, 2, 1);
	set_limits((uint32_t[]){8000, 0});
	take_for_a_second(bytes);
	cr_expect(le(u64, bytes[0], 1010000));
	cr_expect(ge(u64, bytes[0], 900000));
	cr_expect(gt(u64, bytes[1], 2 * bytes[0]));
}

Test(sender, lowlat_waits_for_the_heaviest_path_while_a_limit_holds_it_back)
{
	uint64_t bytes[2];

	set_paths(BONDING_LOWLAT, 2, 1);
	table.slot[0].weight = 3;
	set_limits((uint32_t[]){8000, 0});
	take_for_a_second(bytes);
	cr_expect(ge(u64, bytes[0], 980000));
	cr_expect(le(u64, bytes[0], 1010000));
	cr_expect(eq(u64, bytes[1], 0));
}

Test(sender, lowlat_bounds_what_waits_by_the_limit_of_the_heaviest_path)
{
	struct send_run run;

	set_paths(BONDING_LOWLAT, 2, 1);
	table.slot[0].weight = 3;
	set_limits((uint32_t[]){1000, 0});
	offer(65536 / PACKET + 2, NS_PER_S);
	cr_assert(eq(int, sender_next_run(&sender, &facts, NS_PER_S, &run), SENDER_RUN));
	cr_expect(eq(int, sender_congested(&sender, &facts, NS_PER_S), SENDER_DROPS));
	drop_all();
}

Test(sender, flows_in_balance_share_out_by_weights_within_the_limits)
{
	uint64_t bytes[2];

	set_paths(BONDING_BALANCE, 2, 1);
	set_limits((uint32_t[]){8000, 16000});
	take_for_a_second(bytes);
	cr_expect(le(u64, bytes[0], 1010000));
	cr_expect(ge(u64, bytes[0], 900000));
	cr_expect(le(u64, bytes[1], 2010000));
	cr_expect(ge(u64, bytes[1], 1800000));
}

Test(sender, packet_waits_for_the_limit_of_the_path_that_carries_it_whole)
{
	struct send_run run;

	set_paths(BONDING_REDUNDANT, 2, 1);
	set_limits((uint32_t[]){1000, 0});
	table.slot[0].packet_max = table.fits_one = 1500;
	table.slot[1].packet_max = table.fits_all = PACKET - 1;
	offer(32, NS_PER_S);
	run = send_run(32, NS_PER_S);
	cr_expect(eq(u16, run.path_mask, 1 << table.slot[0].path_id));
	for (unsigned i = 0;
	     i < 32 && sender_next_run(&sender, &facts, NS_PER_S, &run) == SENDER_RUN; i++)
		send_run(32, NS_PER_S);
	cr_expect(eq(int, sender_next_run(&sender, &facts, NS_PER_S, &run), SENDER_WAIT));
	drop_all();
}

Test(sender, copies_go_over_the_paths_that_have_room)
{
	uint64_t bytes[2];

	set_paths(BONDING_REDUNDANT, 2, 1);
	set_limits((uint32_t[]){8000, 16000});
	take_for_a_second(bytes);
	cr_expect(le(u64, bytes[0], 1010000));
	cr_expect(ge(u64, bytes[0], 900000));
	cr_expect(le(u64, bytes[1], 2010000));
	cr_expect(ge(u64, bytes[1], 1900000));
}

Test(sender, what_a_limit_holds_back_is_waited_for_and_not_blocked)
{
	struct send_run run;
	uint64_t now_ns = NS_PER_S;

	set_paths(BONDING_FAILOVER, 1, 1);
	set_limits((uint32_t[]){1000});
	offer(32, now_ns);
	run = send_run(32, now_ns);
	cr_expect(le(uint, run.packets, 3000 / PACKET + 1), "no more at once");
	cr_expect(eq(u64, sender_pump_ns(&sender), NEVER_NS), "it was not asked since");
	cr_expect(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_WAIT));
	cr_expect(lt(u64, now_ns, sender_pump_ns(&sender)));
	cr_expect(eq(int, sender_next_run(&sender, &facts, sender_pump_ns(&sender), &run),
	             SENDER_RUN));
	cr_expect(eq(int, sender_excess(&sender, now_ns), SENDER_KEEPS));
	drop_all();
}

Test(sender, bulk_that_a_limit_holds_up_for_long_is_congested)
{
	struct send_run run;
	uint64_t now_ns = NS_PER_S;

	set_paths(BONDING_AGGREGATE, 1, 1);
	cr_expect(not(sender_congested(&sender, &facts, now_ns)));
	offer(32, now_ns);
	cr_expect(not(sender_congested(&sender, &facts, now_ns + NS_PER_S)), "nothing holds it up");
	set_limits((uint32_t[]){1000});
	cr_assert(eq(int, sender_next_run(&sender, &facts, now_ns, &run), SENDER_RUN));
	cr_expect(not(sender_congested(&sender, &facts, now_ns)));
	for (unsigned i = 0; i < 20 && !sender_congested(&sender, &facts, now_ns); i++)
		now_ns += 20 * NS_PER_MS;
	cr_expect(eq(int, sender_congested(&sender, &facts, now_ns + NS_PER_S), SENDER_DROPS));
	drop_all();
}

Test(sender, equal_paths_take_turns)
{
	set_paths(BONDING_AGGREGATE, 2, 1);
	offer(8, START_NS);
	for (unsigned i = 0; i < 8; i++) {
		struct send_run run = send_run(BATCH_MAX, START_NS);

		cr_expect(eq(u32, run.packets, 1), "nothing is known of the rate");
		cr_expect(eq(uint, run.path_id, 2 + i % 2));
	}
	sender_fini(&sender);
}

/* 140 MB/s over two paths: 35 KB of half the rate in half a millisecond. */
static uint64_t make_fast(uint64_t now_ns)
{
	for (unsigned i = 0; i < 5000; i++, now_ns += 10 * NS_PER_US) {
		offer(1, now_ns);
		send_all(now_ns);
	}
	return now_ns;
}

Test(sender, at_high_rates_a_turn_is_many_packets)
{
	uint64_t now_ns;

	set_paths(BONDING_AGGREGATE, 2, 1);
	now_ns = make_fast(START_NS);
	offer(200, now_ns);
	send_run(BATCH_MAX, now_ns); /* the rest of a turn */
	for (unsigned i = 0; i < 4; i++)
		cr_expect(eq(u32, send_run(BATCH_MAX, now_ns).packets, 25));
	drop_all();
}

Test(sender, a_turn_goes_on_where_a_run_stopped)
{
	struct send_run a, b, c;
	uint64_t now_ns;

	set_paths(BONDING_AGGREGATE, 2, 1);
	now_ns = make_fast(START_NS);
	offer(200, now_ns);
	send_run(BATCH_MAX, now_ns);
	a = send_run(10, now_ns);
	b = send_run(BATCH_MAX, now_ns);
	c = send_run(BATCH_MAX, now_ns);
	cr_expect(eq(uint, a.path_id, b.path_id));
	cr_expect(eq(u32, a.packets + b.packets, 25));
	cr_expect(ne(uint, b.path_id, c.path_id));
	drop_all();
}

Test(sender, a_run_without_packets_never_was)
{
	struct send_run first, again;

	set_paths(BONDING_AGGREGATE, 2, 1);
	offer(9, START_NS);
	for (unsigned i = 0; i < 9; i++) {
		first = next_run(START_NS);
		for (unsigned n = 0; n < 3; n++) {
			again = next_run(START_NS);
			cr_expect(eq(uint, again.path_id, first.path_id));
			cr_expect(eq(u32, again.bytes_max, first.bytes_max));
		}
		cr_expect(eq(uint, send_run(1, START_NS).path_id, 2 + i % 2));
	}
	sender_fini(&sender);
}

/* One sender gets tickets; the other is asked for packets that wait elsewhere. */
Test(sender, says_the_same_of_packets_that_wait_elsewhere)
{
	const struct send_hand hand = {.left = {40 * PACKET, 40, PACKET}};
	struct sender other;
	uint64_t now_ns;

	set_paths(BONDING_AGGREGATE, 3, 1);
	now_ns = make_fast(START_NS);
	other = sender;
	memset(other.log, 0, sizeof other.log);
	for (unsigned i = 0; i < 50; i++) {
		struct send_run mine = {0}, same;

		offer(40, now_ns);
		cr_assert(
			eq(int, sender_run_for(&other, &facts, &hand, now_ns, &mine), SENDER_RUN));
		same = next_run(now_ns);
		cr_expect(eq(uint, mine.path_id, same.path_id));
		cr_expect(eq(u32, mine.bytes_max, same.bytes_max));
		while (send_run_add(&mine, PACKET))
			cr_assert(sender_take(&sender, &same) != NULL);
		cr_expect(sender_take(&sender, &same) == NULL);
		sender_sent(&other, &facts, &mine, NULL, now_ns);
		sent(&same, now_ns);
	}
	drop_all();
}

/* ---- what was sent ---- */

Test(sender, records_runs_by_path)
{
	const struct send_numbers there = {.first = 101, .key = 9},
				  beyond = {.first = 103, .key = 9},
				  other_key = {.first = 101, .key = 8};

	set_paths(BONDING_AGGREGATE, 1, 1);
	next_counter = 100;
	offer(3, START_NS);
	send_run(BATCH_MAX, START_NS + 5);
	const struct send_record *r = sender_find(&sender, 2, &there);

	cr_assert(r != NULL);
	cr_expect(eq(u64, r->first, 100));
	cr_expect(eq(u32, r->packets, 3));
	cr_expect(eq(u32, r->bytes, 3 * PACKET));
	cr_expect(eq(u64, r->t_tx_ns, START_NS + 5));
	cr_expect(sender_find(&sender, 2, &beyond) == NULL);
	cr_expect(sender_find(&sender, 2, &other_key) == NULL);
	cr_expect(sender_find(&sender, 3, &there) == NULL);
	sender_fini(&sender);
}

Test(sender, copies_are_recorded_on_every_path)
{
	const struct send_numbers numbers = {.first = 0, .key = 9, .lane = LANE_UNORDERED};

	set_paths(BONDING_REDUNDANT, 3, 1);
	offer(1, START_NS);
	struct send_run run = next_run(START_NS);

	take(&run, 1);
	sender_sent(&sender, &facts, &run, &numbers, START_NS);
	for (unsigned id = 2; id < 5; id++)
		cr_expect(sender_find(&sender, id, &numbers) != NULL, "%u", id);
	sender_fini(&sender);
}

Test(sender, counters_of_a_new_keypair_begin_anew)
{
	set_paths(BONDING_AGGREGATE, 1, 1);
	for (uint32_t key = 1; key < 7; key++) {
		const struct send_numbers numbers = {.first = 0, .key = key};

		offer(key, START_NS);
		struct send_run run = next_run(START_NS);

		take(&run, BATCH_MAX);
		sender_sent(&sender, &facts, &run, &numbers, START_NS + key);
	}
	for (uint32_t key = 1; key < 7; key++) {
		const struct send_numbers numbers = {.first = 0, .key = key};
		const struct send_record *r = sender_find(&sender, 2, &numbers);

		cr_assert(eq(int, r != NULL, key >= 3), "key %u", key);
		if (r)
			cr_expect(eq(u64, r->t_tx_ns, START_NS + key));
	}
	sender_fini(&sender);
}

Test(sender, what_got_no_numbers_is_charged_and_not_recorded)
{
	const struct send_numbers numbers = {.first = 0, .key = 9};

	set_paths(BONDING_AGGREGATE, 2, 1);
	offer(2, START_NS);
	struct send_run run = next_run(START_NS);

	take(&run, 1);
	sender_sent(&sender, &facts, &run, NULL, START_NS);
	cr_expect(sender_find(&sender, run.path_id, &numbers) == NULL);
	cr_expect(ne(uint, next_run(START_NS).path_id, run.path_id));
	drop_all();
}

Test(sender, shows_what_stands_in_it)
{
	struct sender_view view;

	set_paths(BONDING_AGGREGATE, 1, 1);
	offer(3, START_NS);
	send_run(2, START_NS);
	sender_view(&sender, &view);
	cr_expect(eq(u64, view.waiting_packets, 1));
	cr_expect(eq(u64, view.waiting_bytes, PACKET));
	cr_expect(eq(u64, view.path[2].packets, 2));
	cr_expect(eq(u64, view.path[2].bytes, 2 * PACKET));
	cr_expect(eq(u64, view.path[3].packets, 0));
	drop_all();
}

/* ---- what is given up, and when ---- */

Test(sender, too_many_packets_are_dropped_only_while_nobody_can_take_them)
{
	struct send_run run;

	set_paths(BONDING_AGGREGATE, 1, 1);
	offer(STAGED_MAX, START_NS);
	offer(3, START_NS);
	cr_expect(eq(int, sender_excess(&sender, START_NS), SENDER_KEEPS));
	facts.has_session = false;
	sender_next_run(&sender, &facts, START_NS, &run);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect(eq(int, sender_excess(&sender, START_NS), SENDER_TOO_MANY));
		cr_expect(sender_drop(&sender) == &ticket[0], "the oldest first");
	}
	cr_expect(eq(int, sender_excess(&sender, START_NS), SENDER_KEEPS));
	cr_expect(eq(u64, sender.waiting.packets, STAGED_MAX));
	facts.has_session = true;
	drop_all();
}

Test(sender, nothing_waits_for_ever)
{
	offer(2, START_NS);
	offer(1, START_NS + 1);
	cr_expect(eq(u64, sender_alarm_ns(&sender), START_NS + SENDER_AGE_NS));
	cr_expect(eq(int, sender_excess(&sender, START_NS + SENDER_AGE_NS - 1), SENDER_KEEPS));
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(
			eq(int, sender_excess(&sender, START_NS + SENDER_AGE_NS), SENDER_TOO_OLD));
		sender_drop(&sender);
	}
	cr_expect(eq(int, sender_excess(&sender, START_NS + SENDER_AGE_NS), SENDER_KEEPS));
	cr_expect(eq(u64, sender_alarm_ns(&sender), START_NS + 1 + SENDER_AGE_NS));
	drop_all();
}

Test(sender, at_rest_it_gives_the_memory_of_records_back)
{
	const struct send_numbers newest = {.first = 999, .key = 9};
	uint64_t last_ns = START_NS + 3 * NS_PER_S;

	set_paths(BONDING_AGGREGATE, 1, 1);
	for (unsigned i = 0; i < 1000; i++) {
		offer(1, START_NS);
		send_all(i < 999 ? START_NS : last_ns);
	}
	cr_expect(le(u64, sender_alarm_ns(&sender), last_ns + SENDER_REST_NS));
	while (sender_alarm_ns(&sender) < last_ns + SENDER_REST_NS) {
		uint64_t at_ns = sender_alarm_ns(&sender);

		sender_service(&sender, at_ns);
		cr_assert(lt(u64, at_ns, sender_alarm_ns(&sender)));
	}
	cr_expect(sender_find(&sender, 2, &newest) != NULL);
	sender_service(&sender, last_ns + SENDER_REST_NS);
	cr_expect(sender_find(&sender, 2, &newest) == NULL);
	cr_expect(eq(u64, sender_alarm_ns(&sender), NEVER_NS));
	sender_fini(&sender);
}
