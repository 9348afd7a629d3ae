/* SPDX-License-Identifier: MIT */
/* What a path is: how it begins, what an answer tells, what happens from outside. */
#include "sched/health.h"

#include "health_world.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(health, .init = seed_random);

Test(health, begins_unproven_with_a_probe_due_at_once)
{
	struct path_health h;

	health_init(&h, START);
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
	cr_expect(not(health_carries_data(&h)));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), START));
	health_set_busy(&h, &usual, true, START + 1);
	cr_expect(le(u64, health_deadline_ns(&h, &usual), START + 1));
}

Test(health, first_answer_brings_it_up)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 21 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	cr_expect(health_carries_data(&w.h));
	cr_expect(eq(u64, w.h.since_ns, START + 20 * MS));
	cr_expect(eq(str, (char *)w.h.reason, "answers"));
	world_fini(&w);
}

Test(health, unproven_is_down_after_the_timeout_and_probed_at_the_idle_interval)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.loss_percent = 100;
	set_busy(&w, true);
	run_for(&w, usual.timeout_ns - 1);
	cr_expect(eq(int, w.h.state, PATH_UNPROVEN));
	run_for(&w, 1);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	cr_expect(eq(str, (char *)w.h.reason, "never answered"));
	run_for(&w, 55 * NS_PER_S - 1);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	cr_expect(eq(sz, w.probe_count, 60));
	world_fini(&w);
}

Test(health, unproven_that_nobody_could_ask_waits)
{
	struct path_health h;

	health_init(&h, START);
	cr_expect(not(health_tick(&h, &usual, START + 60 * NS_PER_S)));
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
}

Test(health, answers_unknown_or_known_already_are_ignored)
{
	struct path_health h;

	path_up(&h);
	uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
	cr_assert(not(health_answered(&h, &usual, seq, 20 * MS, START + 1020 * MS)));
	const struct path_health before = h;

	for (unsigned other = 0; other <= UINT16_MAX; other++)
		cr_assert(not(health_answered(&h, &usual, other, 9 * MS, START + 1030 * MS)));
	cr_expect(eq(int, memcmp(&before, &h, sizeof(h)), 0));
}

Test(health, an_answer_overtaken_by_a_later_one_still_measures)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t first = health_probe_sent(&h, &usual, t);
	uint16_t second = health_probe_sent(&h, &usual, t + 100 * MS);
	health_answered(&h, &usual, second, 20 * MS, t + 120 * MS);
	cr_expect(eq(u16, h.answered_seq, second));
	health_answered(&h, &usual, first, 130 * MS, t + 130 * MS);
	cr_expect(eq(u16, h.answered_seq, second));
	cr_expect(eq(u64, h.estimate.rtt_last_ns, 130 * MS));
	cr_expect(eq(u64, h.answered_ns, t + 130 * MS));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), h.probe_at_ns)); /* nothing on its way */
}

Test(health, a_lying_round_trip_is_no_longer_than_the_probe_was_away)
{
	struct path_health h;

	path_up(&h);
	uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
	health_answered(&h, &usual, seq, UINT64_MAX, START + 1025 * MS);
	cr_expect(eq(u64, h.estimate.rtt_last_ns, 25 * MS));
}

Test(health, a_local_failure_is_down_at_once_from_any_state)
{
	for (int state = PATH_UNPROVEN; state <= PATH_DOWN; state++) {
		struct path_health h;

		path_up(&h);
		uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
		h.state = state;
		bool has_changed = health_fail(&h, "device gone", START + 1001 * MS);
		cr_expect(eq(int, has_changed, state != PATH_DOWN), "%d", state);
		cr_expect(eq(int, h.state, PATH_DOWN), "%d", state);
		cr_expect(eq(str, (char *)h.reason, "device gone"), "%d", state);
		bool had_data = state == PATH_UP || state == PATH_SUSPECT;
		cr_expect(eq(u32, h.falls, had_data), "%d", state);
		/* the answer on its way tells of the time before */
		health_answered(&h, &usual, seq, 20 * MS, START + 1020 * MS);
		cr_expect(not(h.is_recovering), "%d", state);
		health_tick(&h, &usual, START + 1021 * MS);
		cr_expect(eq(u64, h.probe_at_ns, START + 2000 * MS), "%d", state);
	}
}

Test(health, reset_begins_anew_but_for_the_hold_down)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t old = health_probe_sent(&h, &usual, t);
	health_fail(&h, "device gone", t);
	health_reset(&h, t + 100 * MS);
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
	cr_expect(not(h.estimate.has_rtt));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + 100 * MS));
	cr_expect(not(health_answered(&h, &usual, old, 20 * MS, t + 101 * MS)));

	uint16_t seq = health_probe_sent(&h, &usual, t + 100 * MS);
	cr_expect(ne(u16, seq, old));
	cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + 120 * MS)));
	cr_expect(eq(u64, h.probe_at_ns, t + 200 * MS)); /* one answer is enough: keep it warm */
	for (unsigned i = 1; i < 4; i++) {
		seq = health_probe_sent(&h, &usual, t + (100 + i * 100) * MS);
		cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + (120 + i * 100) * MS)));
	}
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + 500 * MS));
	cr_expect(health_tick(&h, &usual, t + 500 * MS)); /* the hold-down of the fall */
	cr_expect(eq(int, h.state, PATH_UP));
}

Test(health, a_plain_peer_is_up_without_an_answer)
{
	struct path_health h;

	health_init(&h, START);
	health_assume_up(&h, "carries the session", START + 5);
	cr_expect(eq(int, h.state, PATH_UP));
	cr_expect(eq(str, (char *)h.reason, "carries the session"));
	cr_expect(eq(u64, h.since_ns, START + 5));
	health_assume_up(&h, "again", START + 9); /* since and why remain */
	cr_expect(eq(u64, h.since_ns, START + 5));
	cr_expect(eq(str, (char *)h.reason, "carries the session"));
}

Test(health, states_have_names)
{
	cr_expect(eq(str, (char *)path_state_name(PATH_UNPROVEN), "unproven"));
	cr_expect(eq(str, (char *)path_state_name(PATH_UP), "up"));
	cr_expect(eq(str, (char *)path_state_name(PATH_SUSPECT), "suspect"));
	cr_expect(eq(str, (char *)path_state_name(PATH_DOWN), "down"));
}

/* ---- what somebody says ---- */

Test(health, hearsay_makes_it_suspect_and_an_answer_up_again)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.has_hearsay = true;
	run_for(&w, 10 * NS_PER_S + 500 * MS);
	cr_assert(health_suspect(&w.h, &usual, "they say so", w.now_ns));
	cr_expect(eq(int, w.h.state, PATH_SUSPECT));
	cr_expect(eq(str, (char *)w.h.reason, "they say so"));
	cr_expect(le(u64, w.h.probe_at_ns, w.now_ns), "a probe at once");
	cr_expect(not(health_suspect(&w.h, &usual, "they say so", w.now_ns)));
	run_for(&w, 19 * MS);
	cr_expect(eq(int, w.h.state, PATH_SUSPECT));
	run_for(&w, 2 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	world_fini(&w);
}

Test(health, hearsay_without_end_brings_no_path_down_that_answers)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.has_hearsay = true;
	set_busy(&w, true);
	run_for(&w, NS_PER_S);
	for (unsigned i = 0; i < 1000; i++) {
		health_suspect(&w.h, &usual, "they say so", w.now_ns);
		run_for(&w, 3 * MS);
		cr_assert(health_carries_data(&w.h));
	}
	run_for(&w, 200 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	cr_expect(zero(uint, w.h.falls));
	world_fini(&w);
}

Test(health, hearsay_means_nothing_for_a_path_that_carries_none)
{
	struct path_health h;

	health_init(&h, START);
	cr_expect(not(health_suspect(&h, &usual, "they say so", START)));
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
	path_up(&h);
	health_fail(&h, "cut", START + 500 * MS);
	cr_expect(not(health_suspect(&h, &usual, "they say so", START + 501 * MS)));
	cr_expect(eq(int, h.state, PATH_DOWN));
	cr_expect(eq(str, (char *)h.reason, "cut"));
}
