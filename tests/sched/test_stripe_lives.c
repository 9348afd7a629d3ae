/* SPDX-License-Identifier: MIT */
#include "sched/stripe_lives.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

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

TestSuite(stripe_lives, .init = begin, .fini = end);

/* Both send all the time; @alive is acknowledged. Returns the paths that died. */
static uint16_t run(unsigned ms, uint16_t alive)
{
	uint16_t died = 0;

	for (; ms--; now_ns += NS_PER_MS) {
		for (unsigned i = 0; i < 2; i++) {
			uint8_t id = table.slot[i].path_id;

			path_model_note_send(stripe.model[id], now_ns);
			if (alive >> id & 1) {
				stripe.model[id]->acked_ns = now_ns - 40 * NS_PER_MS;
				stripe.model[id]->progress_ns = now_ns;
			}
		}
		if (ms % 10 == 0)
			died |= stripe_tick(&stripe, &table, false, now_ns);
	}
	return died;
}

Test(stripe_lives, a_path_that_answers_lives)
{
	cr_expect(eq(u16, run(2000, 1u << A | 1u << B), 0));
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
}

Test(stripe_lives, a_silent_path_is_dead_within_two_round_trips_and_20_ms)
{
	run(500, 1u << A | 1u << B);
	uint64_t since_ns = now_ns;
	while (!(stripe.dead >> B & 1) && now_ns - since_ns < NS_PER_S)
		run(10, 1u << A);
	cr_expect(le(u64, now_ns - since_ns, 100 * NS_PER_MS));
	cr_assert(eq(u32, stripe_paths(&stripe, &table, path), 1));
	cr_expect(eq(u8, path[0].path_id, A));
}

static void report(unsigned times, uint64_t every_ns)
{
	while (times--)
		stripe_reported(&stripe, now_ns += every_ns);
}

Test(stripe_lives, reports_are_waited_for_as_long_as_they_take)
{
	cr_expect(eq(u64, stripe_report_ns(&stripe), STRIPE_REPORT_NS), "nothing is known");
	report(50, 5 * NS_PER_MS);
	cr_expect(eq(u64, stripe_report_ns(&stripe), STRIPE_REPORT_NS));
	report(50, 20 * NS_PER_MS);
	cr_expect(ge(u64, stripe_report_ns(&stripe), 20 * NS_PER_MS - 1000));
	cr_expect(le(u64, stripe_report_ns(&stripe), 21 * NS_PER_MS));
	for (unsigned i = 0; i < 50; i++)
		report(1, (i % 2 ? 20 : 60) * NS_PER_MS); /* a third is lost */
	cr_expect(ge(u64, stripe_report_ns(&stripe), 60 * NS_PER_MS));
	cr_expect(le(u64, stripe_report_ns(&stripe), STRIPE_REPORT_MAX));
	report(1, NS_PER_S);
	cr_expect(le(u64, stripe_report_ns(&stripe), STRIPE_REPORT_MAX), "a pause tells nothing");
	report(100, 10 * NS_PER_MS);
	cr_expect(le(u64, stripe_report_ns(&stripe), 11 * NS_PER_MS));
}

Test(stripe_lives, it_is_told_once)
{
	run(500, 1u << A | 1u << B);
	cr_expect(eq(u16, run(300, 1u << A), 1u << B));
	cr_expect(eq(u16, run(300, 1u << A), 0));
}

Test(stripe_lives, if_all_are_silent_none_is_dead)
{
	run(500, 1u << A | 1u << B);
	cr_expect(eq(u16, run(1000, 0), 0), "perhaps the peer is gone");
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
}

Test(stripe_lives, lives_again_after_three_reports_of_something_new)
{
	run(500, 1u << A | 1u << B);
	run(300, 1u << A);
	cr_assert(stripe.dead == 1u << B);
	stripe_progress(&stripe, B, now_ns);
	stripe_progress(&stripe, B, now_ns);
	cr_expect(eq(u16, stripe.dead, 1u << B));
	stripe_progress(&stripe, B, now_ns);
	cr_expect(eq(u16, stripe.dead, 0));
	cr_expect(eq(u16, run(50, 1u << A | 1u << B), 0), "and is not overdue at once");
}

Test(stripe_lives, a_doubted_path_takes_nothing_until_what_left_later_has_arrived)
{
	run(500, 1u << A | 1u << B);
	cr_assert(stripe_doubt(&stripe, A, now_ns));
	cr_assert(eq(u32, stripe_paths(&stripe, &table, path), 1));
	cr_expect(eq(u8, path[0].path_id, B));
	stripe.model[A]->acked_ns = now_ns - 1;
	stripe_look_at_doubt(&stripe, A);
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 1), "it left before");
	stripe.model[A]->acked_ns = now_ns;
	stripe_look_at_doubt(&stripe, A);
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
}

Test(stripe_lives, doubt_alone_buries_no_path)
{
	run(500, 1u << A | 1u << B);
	for (unsigned i = 0; i < 100; i++) {
		stripe_doubt(&stripe, A, now_ns);
		cr_expect(eq(u16, run(10, 1u << A | 1u << B), 0));
	}
	cr_expect(eq(u16, stripe.dead | stripe.suspect, 0));
}

Test(stripe_lives, what_arrived_later_than_it_was_said_ends_the_doubt_at_once)
{
	stripe.model[A]->acked_ns = now_ns;
	cr_expect(not(stripe_doubt(&stripe, A, now_ns - NS_PER_MS)));
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
}

Test(stripe_lives, if_all_are_doubted_all_go_on)
{
	stripe_doubt(&stripe, A, now_ns);
	stripe_doubt(&stripe, B, now_ns);
	cr_expect(eq(u32, stripe_paths(&stripe, &table, path), 2));
}

Test(stripe_lives, of_a_doubted_one_and_a_dead_one_the_doubted_goes_on)
{
	run(500, 1u << A | 1u << B);
	run(300, 1u << A);
	cr_assert(stripe.dead == 1u << B);
	stripe_doubt(&stripe, A, now_ns);
	cr_assert(eq(u32, stripe_paths(&stripe, &table, path), 1));
	cr_expect(eq(u8, path[0].path_id, A));
	cr_expect(not(stripe_doubt(&stripe, B, now_ns)), "what is dead is not doubted");
}

Test(stripe_lives, one_that_was_never_used_is_not_doubted)
{
	cr_expect(not(stripe_doubt(&stripe, B + 1, now_ns)));
}

Test(stripe_lives, a_death_ends_the_doubt)
{
	run(500, 1u << A | 1u << B);
	stripe_doubt(&stripe, B, now_ns);
	cr_expect(eq(u16, run(300, 1u << A), 1u << B));
	cr_expect(eq(u16, stripe.doubted, 0));
}
