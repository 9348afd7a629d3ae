/* SPDX-License-Identifier: MIT */
/* Paths of different ranks in one table. */
#include "sched/stripe_lives.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/wire.h"

#define START_NS (1000 * NS_PER_S)
#define FIRST    3u
#define SECOND   7u
#define SPILL    1u
#define SPARE    5u
#define RATE     1250000u

static struct stripe stripe;
static struct path_table table = {
	.mode = BONDING_AGGREGATE,
	.len = 2,
	.spare = 2,
	.slot = {{.path_id = FIRST, .weight = 1},
                 {.path_id = SECOND, .weight = 1},
                 {.path_id = SPILL, .rank = 1, .role = LINK_ROLE_OVERFLOW, .weight = 1},
                 {.path_id = SPARE, .rank = 2, .role = LINK_ROLE_BACKUP, .weight = 1}},
};
static struct pull_path path[PATHS_MAX];

static void begin(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct path_model *m = stripe_model(&stripe, table.slot[i].path_id);

		path_model_answered(m, 40 * NS_PER_MS, START_NS);
		owd_sample(&m->delay, 20 * (int64_t)NS_PER_MS, true, START_NS);
		capacity_train(&m->capacity, RATE * 10 / 9);
	}
}

static void end(void)
{
	stripe_fini(&stripe);
}

TestSuite(stripe_roles, .init = begin, .fini = end);

static uint16_t bit(unsigned id)
{
	return (uint16_t)(1u << id);
}

static uint16_t mask_of(unsigned len)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < len; i++)
		mask |= bit(path[i].path_id);
	return mask;
}

static uint16_t paths(void)
{
	return mask_of(stripe_paths(&stripe, &table, path));
}

static uint16_t bulk_paths(void)
{
	return mask_of(stripe_bulk_paths(&stripe, &table, path));
}

Test(stripe_roles, data_goes_to_the_lowest_rank_that_lives)
{
	cr_expect(eq(u16, paths(), bit(FIRST) | bit(SECOND)));
	stripe.dead = bit(FIRST);
	cr_expect(eq(u16, paths(), bit(SECOND)));
	stripe.dead |= bit(SECOND);
	cr_expect(eq(u16, paths(), bit(SPILL)));
	stripe.dead |= bit(SPILL);
	cr_expect(eq(u16, paths(), bit(SPARE)));
	stripe.dead &= (uint16_t)~bit(FIRST);
	cr_expect(eq(u16, paths(), bit(FIRST)), "and back");
}

Test(stripe_roles, if_all_are_dead_those_of_the_lowest_serve)
{
	stripe.dead = UINT16_MAX;
	cr_expect(eq(u16, paths(), bit(FIRST) | bit(SECOND)));
}

Test(stripe_roles, overflow_takes_bulk_alone_and_only_while_the_primary_paths_are_full)
{
	unsigned len;

	cr_expect(eq(u16, bulk_paths(), bit(FIRST) | bit(SECOND)));
	stripe.overflow.is_open = true;
	len = stripe_bulk_paths(&stripe, &table, path);
	cr_expect(eq(u16, mask_of(len), bit(FIRST) | bit(SECOND) | bit(SPILL)));
	cr_expect(eq(uint, path[len - 1].path_id, SPILL));
	cr_expect(path[len - 1].is_last);
	cr_expect(not(path[0].is_last));
	cr_expect(eq(u16, paths(), bit(FIRST) | bit(SECOND)), "what is in a hurry, and repairs");
	stripe.dead = bit(SPILL);
	cr_expect(eq(u16, bulk_paths(), bit(FIRST) | bit(SECOND)));
	stripe.dead = bit(FIRST) | bit(SECOND);
	cr_expect(eq(u16, bulk_paths(), bit(SPILL)), "in their place it is like any other");
	cr_expect(not(path[0].is_last));
}

Test(stripe_roles, overflow_of_unknown_way_waits_until_it_was_measured)
{
	stripe.overflow.is_open = true;
	path_model_reset(stripe.model[SPILL]);
	cr_expect(ne(u16, bulk_paths() & bit(FIRST), 0));
}

/* For half a second @factor percent of what the primary paths carry. */
static void load(unsigned percent)
{
	for (unsigned ms = 0; ms < 500; ms += 2) {
		stripe.overflow.sent_bytes += 2ull * RATE * percent / 100 / 500;
		stripe_look_at_load(&stripe, &table, 0, START_NS + ms * NS_PER_MS);
	}
}

Test(stripe_roles, load_is_that_of_the_primary_paths_together)
{
	load(90);
	cr_expect(not(stripe.overflow.is_open));
	load(150);
	cr_expect(stripe.overflow.is_open);
}

Test(stripe_roles, without_others_the_load_is_not_looked_at)
{
	struct path_table alone = {
		.mode = BONDING_AGGREGATE, .len = 1, .slot = {{.path_id = FIRST, .weight = 1}}};

	stripe.overflow.sent_bytes = 1u << 30;
	stripe_look_at_load(&stripe, &alone, 1u << 30, START_NS);
	cr_expect(eq(u64, stripe.overflow.seen_ns, 0));
}

Test(stripe_roles, path_of_another_rank_is_found_dead_too)
{
	struct path_model *spare = stripe.model[SPARE];
	uint64_t now_ns = START_NS;

	for (unsigned i = 0; i < 100; i++, now_ns += 10 * NS_PER_MS) {
		path_model_note_send(spare, now_ns);
		stripe.model[FIRST]->progress_ns = stripe.model[FIRST]->acked_ns = now_ns;
		stripe_tick(&stripe, &table, true, now_ns);
	}
	cr_expect(eq(u16, stripe.dead & bit(SPARE), bit(SPARE)));
}
