/* SPDX-License-Identifier: MIT */
/* Packets that not every path can carry: in all modes, by weights and by what was learned. */
#include "sched/heard.h"
#include "sched/sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "random.h"
#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define LONG     1420u
#define SHORT    1300u
#define TICKETS  4096u
#define WIDE     2u
#define NARROW   3u
#define KEY      9u

static struct sender sender;
static struct send_ticket ticket[TICKETS];
static unsigned offered;
static struct path_table *table;
static struct sender_facts facts;
static uint64_t next_counter[2], now_ns;

static void set_table(enum bonding_mode mode, uint16_t wide_max)
{
	const struct path_candidate candidates[] = {
		{.path_id = WIDE, .weight = 1, .packet_max = wide_max},
		{.path_id = NARROW, .weight = 1, .packet_max = 1344}};

	path_table_retire(table);
	table = path_table_build(mode, candidates, 2);
	facts.table = table;
}

static void know(uint8_t path_id, uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = stripe_model(&sender.stripe, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, mbps * 125000 * 10 / 9);
}

static void begin(void)
{
	rcu_register_thread();
	seed_random();
	now_ns = START_NS;
	sender_init(&sender);
	facts = (struct sender_facts){.has_session = true};
	set_table(BONDING_AGGREGATE, 0);
}

static void end(void)
{
	while (sender_drop(&sender))
		;
	sender_fini(&sender);
	path_table_retire(table);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(sender_fits, .init = begin, .fini = end, .timeout = 60);

/* Paths take by what was learned: the narrow one is the quicker. */
static void learn(void)
{
	facts.is_reporting = facts.is_learned = true;
	know(WIDE, 100, 20);
	know(NARROW, 100, 10);
}

static void offer(unsigned packets, uint32_t bytes, bool is_urgent)
{
	while (packets--) {
		struct send_ticket *t = &ticket[offered++ % TICKETS];

		*t = (struct send_ticket){.since_ns = now_ns,
		                          .packets = 1,
		                          .packet_bytes = bytes,
		                          .last_bytes = bytes,
		                          .flow = bytes,
		                          .is_urgent = is_urgent};
		sender_offer(&sender, t);
	}
}

static void sent(const struct send_run *run)
{
	uint64_t *next = &next_counter[!run->is_ordered];
	const struct send_numbers numbers = {.first = *next,
	                                     .key = KEY,
	                                     .lane = run->is_ordered ? LANE_ORDERED
	                                                             : LANE_UNORDERED};

	*next += run->packets;
	sender_sent(&sender, &facts, run, &numbers, now_ns);
}

/* What each path got, by length. */
struct shares {
	unsigned longs[PATHS_MAX], shorts[PATHS_MAX], both_longs, both_shorts;
};

static void count(struct shares *s, const struct send_run *run, uint32_t bytes)
{
	for (unsigned mask = run->path_mask; mask; mask &= mask - 1) {
		if (bytes == LONG)
			s->longs[__builtin_ctz(mask)]++;
		else
			s->shorts[__builtin_ctz(mask)]++;
	}
}

/* Sends all that can be now. Returns what is left. */
static uint64_t send_all(struct shares *s)
{
	struct send_run run;

	while (sender_next_run(&sender, &facts, now_ns, &run) == SENDER_RUN) {
		uint32_t bytes = send_ticket_next_bytes(sender_first_queue(&sender)->first);

		cr_assert(ne(ptr, (void *)sender_take(&sender, &run), NULL), "a run has a packet");
		count(s, &run, bytes);
		while (sender_first_queue(&sender)->first) {
			bytes = send_ticket_next_bytes(sender_first_queue(&sender)->first);
			if (!sender_take(&sender, &run))
				break;
			count(s, &run, bytes);
		}
		sent(&run);
	}
	return sender_waiting(&sender);
}

static void expect_no_long_on_narrow(const struct shares *s)
{
	cr_expect(eq(u32, s->longs[NARROW], 0));
	cr_expect(ge(u32, s->longs[WIDE], 1));
}

Test(sender_fits, by_weights_the_long_go_where_they_fit_and_the_short_everywhere)
{
	struct shares s = {0};

	for (unsigned i = 0; i < 1000; i++) {
		offer(1 + random_below(3), LONG, false);
		offer(1 + random_below(9), SHORT, false);
		cr_assert(eq(u64, send_all(&s), 0));
	}
	expect_no_long_on_narrow(&s);
	cr_expect(ge(u32, s.shorts[NARROW], s.shorts[WIDE]), "it has room for them");
	cr_expect(ge(u32, s.shorts[WIDE], 1));
}

/* A debt that grew for long would have the wide path idle for as long afterwards. */
Test(sender_fits, the_wide_path_is_soon_used_for_the_short_again)
{
	struct shares s = {0};

	for (unsigned i = 0; i < 100000; i++) {
		offer(1, LONG, false);
		send_all(&s);
	}
	cr_expect(eq(u32, s.longs[WIDE], 100000));
	for (unsigned i = 0; i < 10000; i++) {
		offer(1, SHORT, false);
		send_all(&s);
	}
	cr_expect(ge(u32, s.shorts[WIDE], 4000), "%u of 10000", s.shorts[WIDE]);
}

Test(sender_fits, by_what_was_learned_as_well)
{
	struct shares s = {0};

	learn();
	for (unsigned i = 0; i < 2000; i++) {
		offer(1, LONG, false);
		offer(3, SHORT, false);
		send_all(&s);
		now_ns += NS_PER_MS;
	}
	expect_no_long_on_narrow(&s);
	cr_expect(ge(u32, s.shorts[NARROW], 100));
}

Test(sender_fits, the_long_wait_for_their_path_and_are_sent)
{
	struct shares s = {0};
	uint64_t pump_ns;

	learn();
	offer(100, LONG, false);
	cr_assert(ge(u64, send_all(&s), 1), "its queue is full");
	pump_ns = sender_pump_ns(&sender);
	cr_assert(lt(u64, now_ns, pump_ns));
	cr_assert(le(u64, pump_ns, now_ns + 10 * NS_PER_MS));
	for (unsigned i = 0; i < 100 && sender_waiting(&sender); i++) {
		now_ns = sender_pump_ns(&sender);
		send_all(&s);
	}
	cr_expect(eq(u32, s.longs[WIDE], 100));
	cr_expect(eq(u32, s.longs[NARROW], 0));
}

/* One that would be left out of striping for its delay is the only one for them. */
Test(sender_fits, a_path_left_out_of_striping_takes_what_only_it_can)
{
	struct shares s = {0};

	facts.is_reporting = facts.is_learned = true;
	know(WIDE, 1, 400);
	know(NARROW, 100, 10);
	offer(10, SHORT, false);
	offer(1, LONG, false);
	offer(10, SHORT, false);
	for (unsigned i = 0; i < 1000 && sender_waiting(&sender); i++, now_ns += NS_PER_MS)
		send_all(&s);
	cr_expect(eq(u32, s.longs[WIDE], 1));
	cr_expect(eq(u32, s.shorts[WIDE], 0));
	cr_expect(eq(u32, s.shorts[NARROW], 20));
}

/* Control has yet to take it from the table. */
Test(sender_fits, better_in_fragments_than_over_a_dead_path)
{
	struct shares s = {0};

	learn();
	sender.stripe.dead = 1u << WIDE;
	offer(1, LONG, false);
	offer(1, SHORT, false);
	cr_expect(eq(u64, send_all(&s), 0));
	cr_expect(eq(u32, s.longs[NARROW], 1));
	cr_expect(eq(u32, s.shorts[NARROW], 1));
}

Test(sender_fits, long_ones_in_a_hurry_do_not_move_the_others)
{
	struct shares s = {0};

	learn();
	offer(1, SHORT, true);
	offer(1, LONG, true);
	offer(1, SHORT, true);
	cr_expect(eq(u64, send_all(&s), 0));
	cr_expect(eq(u32, s.shorts[NARROW], 2));
	cr_expect(eq(u32, s.longs[WIDE], 1));
}

/* By the table alone, and by what was learned, slowly enough for both to have room. */
Test(sender_fits, redundant_copies_go_where_they_fit)
{
	for (unsigned learned = 0; learned < 2; learned++) {
		struct shares s = {0};

		if (learned)
			learn();
		set_table(BONDING_REDUNDANT, 0);
		for (unsigned i = 0; i < 100; i++, now_ns += 10 * NS_PER_MS) {
			offer(1, SHORT, false);
			offer(2, LONG, i % 2);
			offer(1, SHORT, false);
			cr_expect(eq(u64, send_all(&s), 0));
		}
		cr_expect(eq(u32, s.longs[WIDE], 200));
		cr_expect(eq(u32, s.longs[NARROW], 0));
		cr_expect(eq(u32, s.shorts[WIDE], 200));
		cr_expect(eq(u32, s.shorts[NARROW], 200));
	}
}

/* Better in fragments than never. */
Test(sender_fits, what_fits_nowhere_holds_nobody_up)
{
	struct shares s = {0};

	for (unsigned learned = 0; learned < 2; learned++) {
		if (learned)
			learn();
		set_table(BONDING_AGGREGATE, 1400);
		offer(1, LONG, false);
		offer(1, SHORT, false);
		cr_expect(eq(u64, send_all(&s), 0));
	}
	cr_expect(eq(u32, s.longs[WIDE] + s.longs[NARROW], 2));
}

Test(sender_fits, a_repair_finds_a_path_that_carries_it)
{
	const struct repair_range range = {.len = 1, .key = KEY, .from = WIDE};
	struct send_numbers numbers;
	uint8_t path;

	learn();
	cr_assert(repair_add(&sender.stripe.repair, &range));
	cr_assert(sender_next_repair(&sender, &facts, now_ns, &numbers, &path));
	cr_assert(eq(u8, path, NARROW), "not where it was lost");
	cr_expect(sender_fit_repair(&sender, &facts, SHORT, now_ns, &path));
	cr_expect(eq(u8, path, NARROW));
	cr_expect(sender_fit_repair(&sender, &facts, LONG, now_ns, &path));
	cr_expect(eq(u8, path, WIDE));

	path = NARROW;
	path_model_sent(sender.stripe.model[WIDE], 1000000, 1000, now_ns);
	cr_expect(not(sender_fit_repair(&sender, &facts, LONG, now_ns, &path)));
	cr_expect(lt(u64, now_ns, sender_pump_ns(&sender)));
	cr_expect(lt(u64, sender_pump_ns(&sender), NEVER_NS));

	path = NARROW;
	set_table(BONDING_AGGREGATE, 1400);
	cr_expect(sender_fit_repair(&sender, &facts, LONG, now_ns, &path));
	cr_expect(eq(u8, path, NARROW), "in fragments");
}
