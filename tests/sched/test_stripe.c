/* SPDX-License-Identifier: MIT */
#include "sched/stripe.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define A        3u
#define B        7u

static struct stripe stripe;
static struct path_table table = {
	.mode = BONDING_AGGREGATE,
	.len = 2,
	.slot = {{.path_id = A, .weight = 1}, {.path_id = B, .weight = 1}},
};
static struct pull_path path[PATHS_MAX];
static uint64_t now_ns = START_NS;

static void begin(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct path_model *m = stripe_model(&stripe, table.slot[i].path_id);

		path_model_answered(m, 40 * NS_PER_MS, now_ns);
		owd_sample(&m->delay, 20 * (int64_t)NS_PER_MS, true, now_ns);
		capacity_train(&m->capacity, 12500000);
	}
}

static void end(void)
{
	stripe_fini(&stripe);
}

TestSuite(stripe, .init = begin, .fini = end);

Test(stripe, a_path_of_unknown_way_waits_for_the_others)
{
	stripe.model[B]->delay.is_known = false;
	cr_assert(eq(u32, stripe_paths(&stripe, &table, path), 1));
	cr_expect(eq(u8, path[0].path_id, A));
	stripe.model[A]->delay.is_known = false;
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2), "none is known: all alike");
}

Test(stripe, a_repair_goes_over_another_path)
{
	unsigned len = stripe_paths(&stripe, &table, path);

	int slot = stripe_repair_slot(&stripe, path, len, A, now_ns);
	cr_assert(ge(int, slot, 0));
	cr_expect(eq(u8, path[slot].path_id, B));
}

Test(stripe, unless_that_is_much_slower)
{
	unsigned len = stripe_paths(&stripe, &table, path);

	for (unsigned i = 0; i < 10; i++)
		owd_sample(&stripe.model[B]->delay, 60 * (int64_t)NS_PER_MS, true, now_ns);
	int slot = stripe_repair_slot(&stripe, path, len, A, now_ns);
	cr_assert(ge(int, slot, 0));
	cr_expect(eq(u8, path[slot].path_id, A));
	stripe.model[A]->loss_ppm = 100000;
	slot = stripe_repair_slot(&stripe, path, len, A, now_ns);
	cr_expect(eq(u8, path[slot].path_id, B), "which loses too much");
}

Test(stripe, a_repair_waits_for_a_long_queue)
{
	unsigned len = stripe_paths(&stripe, &table, path);

	for (unsigned i = 0; i < 2; i++)
		virtual_queue_add(&stripe.model[table.slot[i].path_id]->queue, 20 * NS_PER_MS,
		                  now_ns);
	cr_expect(eq(int, stripe_repair_slot(&stripe, path, len, A, now_ns), -1));
	cr_assert(lt(u64, now_ns, stripe.wait_until_ns));
	cr_expect(ge(int, stripe_repair_slot(&stripe, path, len, A, stripe.wait_until_ns), 0));
}

Test(stripe, bulk_may_wait_for_some_time_of_all_capacities)
{
	cr_expect(not(stripe_is_full(&stripe, &table, 6700000, now_ns)));
	cr_expect(stripe_is_full(&stripe, &table, 6800000, now_ns));
}

Test(stripe, a_short_wait_is_no_congestion_a_long_one_is)
{
	bool is_congested = false;
	struct codel codel = {0};

	for (unsigned i = 0; i < 500; i++, now_ns += NS_PER_MS) {
		cr_expect(not(stripe_is_full(&stripe, &table, 1000000, now_ns)));
		cr_expect(not(stripe_is_congested(&stripe, &codel, 1000000,
		                                  STRIPE_CODEL_NS - 1, now_ns)));
	}
	for (unsigned i = 0; i < 150; i++, now_ns += NS_PER_MS)
		is_congested |= stripe_is_congested(&stripe, &codel, 1000000,
		                                    2 * STRIPE_CODEL_NS, now_ns);
	cr_expect(is_congested);
}

/* ---- packets that not every path carries ---- */

static void narrow(uint16_t a_max, uint16_t b_max)
{
	table.slot[0].packet_max = a_max;
	table.slot[1].packet_max = b_max;
	table.fits_one = a_max && b_max ? (a_max > b_max ? a_max : b_max) : 0;
	table.fits_all = a_max && (!b_max || a_max < b_max) ? a_max : b_max;
}

Test(stripe, a_packet_is_offered_to_the_paths_that_it_fits)
{
	narrow(1344, 0);
	cr_expect(eq(u32, stripe_paths_for(&stripe, &table, 1344, path), 2));
	cr_assert(eq(u32, stripe_paths_for(&stripe, &table, 1345, path), 1));
	cr_expect(eq(u8, path[0].path_id, B));
	stripe.dead = 1u << B;
	cr_assert(eq(u32, stripe_paths_for(&stripe, &table, 1345, path), 1));
	cr_expect(eq(u8, path[0].path_id, A), "rather in fragments than over a dead one");
	stripe.dead = 0;
	narrow(1344, 1376);
	cr_expect(eq(u32, stripe_paths_for(&stripe, &table, 1400, path), 2), "it fits none");
	narrow(0, 0);
}

/* There is nothing to be lost by it, and what is overdue may have been three losses in a row. */
Test(stripe, in_redundant_mode_what_is_in_a_hurry_goes_over_silent_paths_too)
{
	struct stripe_share share;

	table.mode = BONDING_REDUNDANT;
	stripe.dead = 1u << B;
	cr_expect(stripe_urgent(&stripe, &table, 200, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, 1u << A | 1u << B));
	narrow(1344, 1000);
	cr_expect(stripe_urgent(&stripe, &table, 1200, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, 1u << A), "it does not fit that");
	stripe.dead = 0;
	table.mode = BONDING_AGGREGATE;
	narrow(0, 0);
}

/* Nothing was measured of it yet: all the same it is the only one. */
Test(stripe, a_packet_goes_where_it_fits_though_nothing_is_known_of_that_path)
{
	const struct pull_backlog full = {1400, 1, 1400};
	struct stripe_share share;

	narrow(1344, 0);
	path_model_reset(stripe.model[B]);
	cr_expect(stripe_pull(&stripe, &table, &full, now_ns, &share) == PULL_RUN);
	cr_expect(eq(u32, share.path_mask, 1u << B));
	cr_expect(stripe_urgent(&stripe, &table, 1400, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, 1u << B));
	narrow(0, 0);
}

Test(stripe, what_only_a_silent_path_carries_whole_goes_over_it_too)
{
	const struct pull_backlog full = {1400, 1, 1400}, small = {1000, 1, 1000};
	const uint16_t both = 1u << A | 1u << B;
	struct stripe_share share;

	narrow(1344, 0);
	stripe.dead = 1u << B;
	cr_expect(stripe_pull(&stripe, &table, &full, now_ns, &share) == PULL_RUN);
	cr_expect(eq(u32, share.path_mask, both));
	cr_expect(stripe_pull(&stripe, &table, &small, now_ns, &share) == PULL_RUN);
	cr_expect(eq(u32, share.path_mask, 1u << A));
	cr_expect(stripe_urgent(&stripe, &table, 1400, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, both));
	cr_expect(stripe_urgent(&stripe, &table, 1000, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, 1u << A));
	narrow(1344, 1376);
	cr_expect(stripe_urgent(&stripe, &table, 1400, now_ns, &share));
	cr_expect(eq(u32, share.path_mask, 1u << A), "it fits none");
	stripe.dead = 0;
	narrow(0, 0);
}

Test(stripe, what_is_in_a_hurry_takes_the_quickest_that_it_fits)
{
	struct stripe_share share;

	path_model_sent(stripe.model[B], 100000, 70, now_ns);
	narrow(1344, 0);
	cr_expect(stripe_urgent(&stripe, &table, 200, now_ns, &share));
	cr_expect(eq(u8, share.path_id, A));
	cr_expect(stripe_urgent(&stripe, &table, 1400, now_ns, &share));
	cr_expect(eq(u8, share.path_id, B));
	cr_expect(eq(u32, share.path_mask, 1u << B));
	cr_expect(stripe_urgent(&stripe, &table, 200, now_ns, &share));
	cr_expect(eq(u8, share.path_id, A), "it has not moved");
	narrow(0, 0);
}

Test(stripe, what_waits_for_a_doubted_path_is_not_too_much)
{
	stripe_reckon_bounds(&stripe, &table, now_ns);
	const uint64_t bytes_max = stripe.bounds.bytes_max;

	stripe.doubted = 1u << A;
	stripe_reckon_bounds(&stripe, &table, now_ns);
	cr_expect(eq(u64, stripe.bounds.bytes_max, bytes_max));
}

Test(stripe, a_doubted_path_takes_no_repair_if_another_can)
{
	stripe.doubted = 1u << A;
	for (unsigned mode = BONDING_AGGREGATE; mode <= BONDING_BALANCE; mode++) {
		unsigned len;

		table.mode = mode;
		owd_sample(&stripe.model[B]->delay, 300 * (int64_t)NS_PER_MS, true, now_ns);
		len = stripe_paths(&stripe, &table, path);
		int slot = stripe_repair_slot(&stripe, path, len, A, now_ns);
		cr_assert(ge(int, slot, 0));
		cr_expect(eq(u8, path[slot].path_id, B), "mode %u", mode);
	}
	table.mode = BONDING_AGGREGATE;
}

Test(stripe, where_doubt_costs_more_than_it_saves_the_path_goes_on)
{
	stripe.doubted = 1u << A;
	table.mode = BONDING_REDUNDANT;
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
	table.mode = BONDING_BALANCE;
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
	table.mode = BONDING_FAILOVER;
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 1));
	table.mode = BONDING_AGGREGATE;
}

Test(stripe, paths_for_the_overflow_stand_in_for_doubted_primary_ones_once)
{
	struct path_table roles = {
		.mode = BONDING_AGGREGATE,
		.len = 1,
		.spare = 1,
		.slot = {{.path_id = A, .weight = 1, .role = LINK_ROLE_PRIMARY},
	                 {.path_id = B, .weight = 1, .rank = 1, .role = LINK_ROLE_OVERFLOW}},
	};

	stripe.overflow.is_open = true;
	cr_assert(eq(u32, stripe_bulk_paths(&stripe, &roles, path), 2));
	stripe.doubted = 1u << A;
	cr_assert(eq(u32, stripe_bulk_paths(&stripe, &roles, path), 1));
	cr_expect(eq(u8, path[0].path_id, B));
	stripe.doubted = 1u << B;
	cr_assert(eq(u32, stripe_bulk_paths(&stripe, &roles, path), 1));
	cr_expect(eq(u8, path[0].path_id, A));
}
