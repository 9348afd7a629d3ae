/* SPDX-License-Identifier: MIT */
/* When is a path left, and when not? */
#include "sched/health.h"

#include "../emulation.h"
#include "health_world.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

TestSuite(health, .init = seed_random);

/* The path dies at every phase of the probe interval; how long until it is left at the latest. */
static const struct detection {
	uint64_t rtt_ms, jitter_ms;
	bool is_busy;
	uint64_t interval_ms, timeout_ms, busy_ms;
	uint64_t most_ms; /* from its death */
} detections[] = {
	{20, 0, true, 1000, 5000, 100, 3 * 100 + 175},
	{1, 0, true, 1000, 5000, 100, 3 * 100 + 156},
	{60, 20, true, 1000, 5000, 100, 600},
	{300, 0, true, 1000, 5000, 100, 3 * 100 + 455},
	{600, 50, true, 1000, 5000, 100, 1250},
	{20, 0, true, 1000, 5000, 20, 3 * 20 + 175},
	{20, 0, true, 100, 5000, 1000, 3 * 100 + 175}, /* busy above interval */
	{20, 0, false, 1000, 5000, 100, 1000 + 500 + 175},
	{60, 20, false, 1000, 5000, 100, 2000 + 250},
	{300, 0, false, 1000, 5000, 100, 2000 + 455},
	{600, 0, false, 1000, 5000, 100, 2000 + 755},
	{20, 0, false, 250, 5000, 100, 250 + 100 + 2 * 175},
	{20, 0, false, 10000, 30000, 100, 10000 + 500 + 175},
	/* the timeout comes first */
	{20, 0, true, 1000, 300, 100, 300},
	{20, 0, false, 1000, 1050, 100, 1050},
	{600, 0, false, 1000, 1200, 100, 1200},
	{2000, 0, true, 1000, 1500, 100, 1500},
	{2500, 1000, false, 1000, 3000, 100, 3000},
};

static uint64_t detection_ns(const struct detection *d, uint64_t phase_ns)
{
	struct world w;

	world_init(&w,
	           &(struct health_settings){d->interval_ms * MS, d->timeout_ms * MS,
	                                     d->busy_ms * MS, 150 * MS},
	           d->rtt_ms * MS);
	w.jitter_ns = d->jitter_ms * MS;
	run_for(&w, 50 * MS);
	set_busy(&w, d->is_busy);
	run_for(&w, 40 * d->interval_ms * MS + phase_ns);
	cr_assert(eq(sz, w.falls, 0), "rtt %llu", (unsigned long long)d->rtt_ms);
	cr_assert(health_carries_data(&w.h));
	uint64_t death = w.now_ns;
	w.hole_from_ns = death;
	w.hole_to_ns = NEVER_NS;
	for (size_t i = w.first_open; i < w.probe_count; i++) /* those in flight, too */
		w.probes[i].answer_ns = w.probes[i].is_answered ? w.probes[i].answer_ns : NEVER_NS;
	run_for(&w, 60 * NS_PER_S);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	cr_assert(eq(sz, w.falls, 1));
	world_fini(&w);
	return w.fell_ns - death;
}

Test(health, a_dead_path_is_left_in_time)
{
	for (size_t n = 0; n < sizeof(detections) / sizeof(detections[0]); n++) {
		const struct detection *d = &detections[n];
		uint64_t worst = 0, step = d->interval_ms * MS / fewer_emulated(40) + 1;

		for (uint64_t phase = 0; phase < d->interval_ms * MS; phase += step) {
			uint64_t took = detection_ns(d, phase);

			worst = took > worst ? took : worst;
		}
		fprintf(stderr,
		        "rtt %4llu+%-4llu ms %s interval %5llu: down within %5.0f ms of %llu\n",
		        (unsigned long long)d->rtt_ms, (unsigned long long)d->jitter_ms,
		        d->is_busy ? "busy" : "idle", (unsigned long long)d->interval_ms,
		        (double)worst / MS, (unsigned long long)d->most_ms);
		cr_expect(le(u64, worst, d->most_ms * MS), "row %zu", n);
	}
}

/* A queue fills while probes go every 100 ms; rise 0: it is there at once, as after a handover. */
static const struct filling {
	uint64_t rtt_ms, jitter_ms, queue_ms, rise_ms;
	bool is_busy;
} fillings[] = {
	{20, 0, 100, 1000, true},   {20, 0, 300, 1000, true},  {20, 0, 500, 1000, true},
	{20, 0, 900, 1000, true},   {20, 0, 500, 500, true},   {20, 0, 900, 300, true},
	{20, 0, 2500, 1000, true},  {5, 0, 3000, 1000, true},  {60, 30, 500, 1000, true},
	{60, 30, 1500, 1000, true}, {300, 0, 800, 1000, true}, {20, 0, 150, 1, true},
	{20, 0, 340, 1, true},      {20, 0, 4000, 8000, true}, {20, 0, 4000, 8000, false},
	{20, 0, 300, 1000, false},  {20, 0, 500, 1000, false}, {20, 0, 400, 1, false},
};

Test(health, a_full_queue_is_not_a_dead_path)
{
	for (size_t n = 0; n < sizeof(fillings) / sizeof(fillings[0]); n++) {
		const struct filling *f = &fillings[n];

		for (unsigned phase = 0; phase < fewer_emulated(10); phase++) {
			struct world w;

			world_init(&w, &usual, f->rtt_ms * MS);
			w.jitter_ns = f->jitter_ms * MS;
			run_for(&w, 50 * MS);
			set_busy(&w, f->is_busy);
			w.queue_from_ns =
				START + 60 * NS_PER_S + phase * (f->is_busy ? 10 : 100) * MS;
			w.queue_ns = f->queue_ms * MS;
			w.queue_rise_ns = f->rise_ms * MS;
			run_for(&w, 90 * NS_PER_S);
			cr_expect(eq(sz, w.falls, 0), "row %zu, phase %u", n, phase);
			cr_expect(eq(int, w.h.state, PATH_UP), "row %zu, phase %u", n, phase);
			world_fini(&w);
		}
	}
}

/* And what the estimate has grown to does not keep a path that dies under a full queue for long. */
Test(health, a_path_that_dies_full_is_left_in_time)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.queue_from_ns = START + 10 * NS_PER_S;
	w.queue_ns = 500 * MS;
	w.queue_rise_ns = 1000 * MS;
	w.hole_from_ns = START + 12 * NS_PER_S;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 30 * NS_PER_S);
	cr_expect(eq(sz, w.falls, 1));
	cr_expect(lt(u64, w.fell_ns - w.hole_from_ns, 1500 * MS));
	world_fini(&w);
}

Test(health, one_overdue_probe_is_suspect_and_its_late_answer_clears_it)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	uint16_t seq = health_probe_sent(&h, &usual, t);
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + overdue));
	cr_expect(not(health_tick(&h, &usual, t + overdue - 1)));
	cr_assert(health_tick(&h, &usual, t + overdue));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(health_carries_data(&h));
	cr_expect(le(u64, h.probe_at_ns, t + overdue)); /* 100 ms have passed already */

	cr_expect(health_answered(&h, &usual, seq, 400 * MS, t + 400 * MS));
	cr_expect(eq(int, h.state, PATH_UP));
	cr_expect(eq(str, (char *)h.reason, "answers again"));
	cr_expect(lt(u64, 400 * MS + 150 * MS, estimate_overdue_ns(&h.estimate, usual.slack_ns)));
	cr_expect(eq(u64, h.probe_at_ns, t + 1000 * MS)); /* idle again */
}

/* The peer held its answer: the round trip is short and explains nothing about the later probe. */
Test(health, suspicion_stays_while_a_later_probe_is_overdue)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t first = health_probe_sent(&h, &usual, t);
	uint16_t second = health_probe_sent(&h, &usual, t + 100 * MS);
	cr_assert(health_tick(&h, &usual, t + 400 * MS));
	cr_expect(not(health_answered(&h, &usual, first, 20 * MS, t + 400 * MS)));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(health_answered(&h, &usual, second, 20 * MS, t + 420 * MS));
	cr_expect(eq(int, h.state, PATH_UP));
}

/* With a short interval and a long estimate all 64 places are taken; then the probes wait. */
Test(health, a_failure_while_probes_wait_is_left_again)
{
	const struct health_settings set = {1 * MS, 5000 * MS, 1 * MS, 150 * MS};
	struct path_health h;

	path_up(&h);
	health_set_busy(&h, &set, true, START + 20 * MS);
	for (unsigned i = 0; i < HEALTH_PROBES_KEPT; i++)
		health_probe_sent(&h, &set, START + (20 + i) * MS);
	cr_assert(eq(u64, h.probe_at_ns, NEVER_NS));
	cr_assert(health_fail(&h, "device gone", START + 100 * MS));
	cr_expect(eq(u64, health_deadline_ns(&h, &set), START + 100 * MS));
}

Test(health, three_overdue_at_distinct_times_are_dead)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	health_set_busy(&h, &usual, true, t);
	for (unsigned i = 0; i < 10; i++)
		health_probe_sent(&h, &usual, t + i); /* one burst counts once */
	health_probe_sent(&h, &usual, t + 100 * MS);
	health_probe_sent(&h, &usual, t + 200 * MS);
	cr_expect(health_tick(&h, &usual, t + overdue + 100 * MS));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(eq(u64, h.probe_at_ns, t + 300 * MS));
	cr_expect(not(health_tick(&h, &usual, t + overdue + 200 * MS - 1)));
	cr_expect(health_tick(&h, &usual, t + overdue + 200 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
	cr_expect(not(health_carries_data(&h)));
	cr_expect(eq(str, (char *)h.reason, "3 probes overdue"));
	cr_expect(eq(u64, h.since_ns, t + overdue + 200 * MS));
}

/* With no data at stake the first of the three has half a second longer, until data comes. */
Test(health, an_idle_path_is_given_more_time)
{
	struct path_health h, idle;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	for (unsigned i = 0; i < 3; i++)
		health_probe_sent(&h, &usual, t + i * 100 * MS);
	cr_expect(health_tick(&h, &usual, t + overdue + 250 * MS));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	idle = h;
	health_probe_sent(&idle, &usual, t + overdue + 450 * MS);
	cr_expect(eq(u64, health_deadline_ns(&idle, &usual), t + overdue + 500 * MS));
	cr_expect(not(health_tick(&idle, &usual, t + overdue + 500 * MS - 1)));
	cr_expect(health_tick(&idle, &usual, t + overdue + 500 * MS));
	cr_expect(eq(int, idle.state, PATH_DOWN));

	health_set_busy(&h, &usual, true, t + overdue + 260 * MS);
	cr_expect(le(u64, health_deadline_ns(&h, &usual), t + overdue + 260 * MS));
	cr_expect(health_tick(&h, &usual, t + overdue + 260 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
}

Test(health, silence_until_the_timeout_is_down_whatever_the_estimate_says)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	estimate_rtt(&h.estimate, 60 * NS_PER_S); /* overdue after a minute */
	for (unsigned i = 0; i < 5; i++)
		health_probe_sent(&h, &usual, t + i * 1000 * MS);
	cr_expect(
		eq(u64, health_deadline_ns(&h, &usual), START + 5020 * MS)); /* the answer's time */
	cr_expect(not(health_tick(&h, &usual, START + 5020 * MS - 1)));
	cr_expect(health_tick(&h, &usual, START + 5020 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
	cr_expect(eq(str, (char *)h.reason, "silent for the health check timeout"));
}

/* A machine that was asleep, or had no session, has not asked: that silence is its own. */
Test(health, silence_without_a_question_counts_for_nothing)
{
	struct path_health h;
	uint64_t t = START + 3600 * NS_PER_S;

	path_up(&h);
	cr_expect(not(health_tick(&h, &usual, t)));
	uint16_t seq = health_probe_sent(&h, &usual, t);
	cr_expect(not(health_tick(&h, &usual, t + 20 * MS)));
	cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS)));
	cr_expect(eq(int, h.state, PATH_UP));
}

/* How many probes are overdue when a path dies of which so much is lost each way. */
static unsigned overdue_at_death(double loss)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;
	unsigned sent = 0;

	path_up(&h);
	h.estimate.tx = h.estimate.rx = (struct loss_estimate){.is_known = true, .ratio = loss};
	health_set_busy(&h, &usual, true, t);
	for (; health_carries_data(&h) && sent < 100; t += 100 * MS) {
		uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);

		for (; t >= START + 1000 * MS + sent * 100 * MS; sent++)
			health_probe_sent(&h, &usual, t);
		for (uint64_t ms = 0; ms < 100 && health_carries_data(&h); ms++) {
			health_tick(&h, &usual, t + ms * MS);
			if (!health_carries_data(&h))
				return 1 + (unsigned)((t + ms * MS - overdue - START - 1000 * MS) /
				                      (100 * MS));
		}
	}
	return 0;
}

Test(health, where_much_is_lost_more_have_to_be_overdue)
{
	cr_expect(eq(uint, overdue_at_death(0), 3));
	cr_expect(eq(uint, overdue_at_death(0.05), 3));
	cr_expect(eq(uint, overdue_at_death(0.1), 5));
	cr_expect(eq(uint, overdue_at_death(0.2), 7));
	cr_expect(eq(uint, overdue_at_death(0.9), 8), "and no more");
}

Test(health, two_of_three_probes_lost_never_make_it_fall)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	health_set_busy(&h, &usual, true, t);
	for (unsigned i = 0; i < 1000; i++, t += 100 * MS) {
		uint16_t seq = health_probe_sent(&h, &usual, t);

		if (i % 3 == 2)
			health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS);
		for (uint64_t ms = 20; ms <= 100; ms += 5) {
			health_tick(&h, &usual, t + ms * MS);
			cr_assert(health_carries_data(&h), "probe %u", i);
		}
	}
}

/* Each fall is checked against the list of probes; here only that a lossy path stays of use. */
Test(health, lossy_paths_fall_only_when_three_in_a_row_are_lost)
{
	static const unsigned percent[] = {1, 3, 10, 20, 30};

	for (size_t n = 0; n < sizeof(percent) / sizeof(percent[0]); n++) {
		struct world w;

		world_init(&w, &usual, 40 * MS);
		w.jitter_ns = 20 * MS;
		w.loss_percent = percent[n];
		run_for(&w, 50 * MS);
		set_busy(&w, true);
		run_for(&w, 600 * NS_PER_S);
		fprintf(stderr,
		        "%2u %% of probes lost: %3zu falls in 600 s, carried data %5.1f %%\n",
		        percent[n], w.falls, (double)w.carried_ns / (600.05 * NS_PER_S) * 100);
		if (percent[n] <= 3)
			cr_expect(le(sz, w.falls, 5)); /* 1 in 6 x 10^5, 1 in 37,000 probes */
		if (percent[n] <= 10)
			cr_expect(lt(u64, 500 * NS_PER_S, w.carried_ns));
		world_fini(&w);
	}
}

/* A caller who comes late by up to 30 ms is late by no more than that, each time. */
Test(health, a_late_caller_is_late_once)
{
	struct world w;
	uint64_t hole = START + 20 * NS_PER_S;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.late_ns = 30 * MS;
	w.hole_from_ns = hole;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 40 * NS_PER_S);
	cr_expect(eq(sz, w.falls, 1));
	cr_expect(lt(u64, w.fell_ns - hole, (3 * 100 + 180 + 4 * 30) * MS));
	world_fini(&w);
}
