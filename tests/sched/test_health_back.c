/* SPDX-License-Identifier: MIT */
/* When does a path that was left come back? */
#include "sched/health.h"

#include "health_world.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(health, .init = seed_random);

Test(health, down_is_probed_slowly_until_an_answer_then_fast_until_up)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 950 * MS);
	w.hole_from_ns = START + 1000 * MS;
	w.hole_to_ns = START + 30000 * MS;
	run_until(&w, START + 2000 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	size_t probes = w.probe_count;
	run_for(&w, 20 * NS_PER_S);
	cr_expect(eq(sz, w.probe_count - probes, 20));

	run_until(&w, w.hole_to_ns); /* the next probe comes within a second, then two fast ones */
	probes = w.probe_count;
	run_for(&w, 1000 * MS + 2 * 100 * MS + 20 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	cr_expect(eq(str, (char *)w.h.reason, "answers again"));
	cr_expect(eq(u64, w.h.since_ns, w.probes[probes].sent_ns + 220 * MS));
	world_fini(&w);
}

/* Answers and holes in a row: seq by seq, 'a' answered, '-' lost. */
Test(health, answers_in_a_row_leave_no_gap)
{
	static const struct {
		const char *probes;
		bool is_up;
	} cases[] = {
		{"aa", false},   {"aaa", true},    {"-aaa", true},   {"aa-a", false},
		{"a-aa", false}, {"aa-aa", false}, {"aa-aaa", true}, {"a-a-a-a", false},
	};

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct path_health h;
		uint64_t t = START + 100 * NS_PER_S;

		path_up(&h);
		cr_assert(health_fail(&h, "device gone", START + 1));
		for (const char *c = cases[n].probes; *c; c++, t += 100 * MS) {
			health_tick(&h, &usual, t);
			uint16_t seq = health_probe_sent(&h, &usual, t);

			if (*c == 'a')
				health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS);
		}
		cr_expect(eq(int, h.state == PATH_UP, cases[n].is_up), "%s", cases[n].probes);
	}
}

/* Falls it at @at_ns and answers at once from then on; returns how long until it is up again. */
static uint64_t recovery_ns(struct world *w, uint64_t at_ns)
{
	run_until(w, at_ns);
	cr_assert(eq(int, w->h.state, PATH_UP));
	cr_assert(health_fail(&w->h, "device gone", w->now_ns));
	while (w->h.state == PATH_DOWN)
		run_for(w, 1 * MS);
	return w->h.since_ns - at_ns;
}

Test(health, hold_down_doubles_with_each_fall_and_is_forgiven)
{
	static const uint64_t holds_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct world w;
	uint64_t at = START + 1000 * MS;

	world_init(&w, &usual, 20 * MS);
	w.set.interval_ns = 100 * MS;
	for (size_t i = 0; i < sizeof(holds_ms) / sizeof(holds_ms[0]); i++) {
		cr_expect(eq(u64, recovery_ns(&w, at), holds_ms[i] * MS), "fall %zu", i + 1);
		at = w.now_ns + 20 * NS_PER_S;
	}
	cr_expect(eq(u64, recovery_ns(&w, w.now_ns + 61 * NS_PER_S), 4000 * MS)); /* 7 -> 3 falls */
	cr_expect(eq(u64, recovery_ns(&w, w.now_ns + 3600 * NS_PER_S), 500 * MS));
	world_fini(&w);
}

Test(health, a_flapping_path_changes_ever_more_seldom)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.hole_from_ns = START + 1 * NS_PER_S;
	w.hole_to_ns = START + 3 * NS_PER_S;
	w.hole_every_ns = 5 * NS_PER_S; /* 2 s dead, 3 s alive */
	run_for(&w, 60 * NS_PER_S);
	size_t first_minute = w.falls;
	run_for(&w, 540 * NS_PER_S);
	cr_expect(ge(sz, first_minute, 3));
	cr_expect(le(sz, first_minute, 8));
	cr_expect(le(sz, w.falls,
	             first_minute + 9 * 4)); /* a stable minute may be forgiven at times */
	cr_expect(lt(sz, w.falls, 60));      /* of 120 holes */
	world_fini(&w);
}

Test(health, hurry_probes_a_lost_path_fast_until_three_are_overdue)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.hole_from_ns = START + 500 * MS;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 10 * NS_PER_S + 450 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	size_t probes = w.probe_count;
	health_hurry(&w.h, &w.set);
	run_for(&w, 900 * MS); /* the last fast one leaves with the third overdue at the latest */
	cr_expect(ge(sz, w.probe_count - probes, 3));
	cr_expect(le(sz, w.probe_count - probes, 6));
	probes = w.probe_count;
	run_for(&w, 10 * NS_PER_S);
	cr_expect(eq(sz, w.probe_count - probes, 10));
	world_fini(&w);
}

/* The path has become slower than it was thought when it fell, and the peer, who sees it working,
 * gives cause for hurry ten times a second: answers that take longer must still be taken.
 */
Test(health, hurry_again_and_again_keeps_no_answer_out)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 10 * NS_PER_S);
	w.rtt_ns = 900 * MS;
	run_for(&w, 700 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	for (unsigned i = 0; i < 40; i++) {
		health_hurry(&w.h, &w.set);
		run_for(&w, 100 * MS);
	}
	cr_expect(eq(int, w.h.state, PATH_UP));
	world_fini(&w);
}

Test(health, hurry_leaves_a_path_alone_that_carries_data)
{
	struct path_health h;

	path_up(&h);
	health_probe_sent(&h, &usual, START + 1000 * MS);
	const struct path_health before = h;
	health_hurry(&h, &usual);
	cr_expect(eq(int, memcmp(&before, &h, sizeof(h)), 0));
}

/* Half the sequence space unanswered must not make new answers look old. */
Test(health, a_path_comes_back_after_days)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.hole_from_ns = START + 10 * NS_PER_S;
	w.hole_to_ns = START + 40000 * NS_PER_S;
	run_until(&w, w.hole_to_ns);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	run_for(&w, 1300 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	world_fini(&w);
}
