/* SPDX-License-Identifier: MIT */
#include "sched/path_standing.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW (1000 * NS_PER_S)

static const struct health_settings set = {.interval_ns = NS_PER_S,
                                           .timeout_ns = 3 * NS_PER_S,
                                           .busy_ns = NS_PER_S / 10,
                                           .slack_ns = NS_PER_S / 10};
static struct path_health health;
static struct path_choice choice;
static uint64_t now_ns = NOW;

static void begin(void)
{
	health_init(&health, NOW);
	choice = (struct path_choice){.is_bonded = true, .followed = PATHS_MAX};
	choice.path[5] = (struct path_facts){
		.has_target = true, .has_link = true, .weight = 1, .health = &health};
}

TestSuite(path_standing, .init = begin);

static void answer(void)
{
	uint16_t seq = health_probe_sent(&health, &set, now_ns);

	now_ns += NS_PER_MS * 10;
	health_answered(&health, &set, seq, NS_PER_MS * 10, now_ns);
}

/* What the rules of the choice make of the same facts. */
static void expect(enum standing standing, bool is_chosen)
{
	struct path_candidate candidates[PATHS_MAX];

	cr_expect(eq(int, path_standing(&choice, 5, now_ns).is, standing));
	cr_expect(eq(uint, path_choose(&choice, candidates, now_ns), is_chosen));
}

Test(path_standing, nothing_is_known_of_one_that_never_answered)
{
	expect(STANDING_UNPROVEN, false);
	answer();
	expect(STANDING_ALIVE, true);
}

Test(path_standing, one_that_fell_is_down_until_it_answers)
{
	answer();
	health_fail(&health, "device gone", now_ns);
	now_ns += NS_PER_MS;
	expect(STANDING_DOWN, false);
	answer();
	expect(STANDING_HELD_DOWN, true); /* as the last that is left */
	cr_expect(
		eq(u64, path_standing(&choice, 5, now_ns).left_ns, health.hold_until_ns - now_ns));
	now_ns = health.hold_until_ns;
	expect(STANDING_PROVES, true);
	answer();
	answer();
	expect(STANDING_ALIVE, true);
}

Test(path_standing, one_that_was_refused_rests)
{
	answer();
	choice.path[5].rest_until_ns = now_ns + 7;
	expect(STANDING_RESTS, false);
	cr_expect(eq(u64, path_standing(&choice, 5, now_ns).left_ns, 7));
	now_ns += 7;
	expect(STANDING_ALIVE, true);
}

Test(path_standing, one_whose_other_end_can_carry_nothing_waits_for_it)
{
	answer();
	choice.path[6] = choice.path[5]; /* or it would carry data all the same */
	choice.path[5].is_leaving = true;
	cr_expect(eq(int, path_standing(&choice, 5, now_ns).is, STANDING_LEAVING));
	cr_expect(eq(int, path_standing(&choice, 6, now_ns).is, STANDING_ALIVE));
}

Test(path_standing, without_a_link_the_rest_does_not_matter)
{
	answer();
	choice.path[5].has_link = false;
	choice.path[5].rest_until_ns = now_ns + 7;
	expect(STANDING_NO_LINK, false);
}

Test(path_standing, a_plain_peer_is_followed_over_one)
{
	answer();
	choice.is_bonded = false;
	choice.followed = 6;
	expect(STANDING_NOT_FOLLOWED, false);
	choice.followed = 5;
	expect(STANDING_ALIVE, true);
}
