/* SPDX-License-Identifier: MIT */
/* When do probes leave, and when is the caller to come back? */
#include "sched/health.h"

#include "../emulation.h"
#include "health_world.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

TestSuite(health, .init = seed_random);

Test(health, probe_soon_is_at_once_and_then_no_faster_than_busy)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 300 * MS);
	health_probe_soon(&w.h, &usual, w.now_ns);
	cr_expect(eq(u64, w.h.probe_at_ns, w.now_ns));
	health_probe_sent(&w.h, &usual, w.now_ns);
	health_probe_soon(&w.h, &usual, w.now_ns);
	cr_expect(eq(u64, w.h.probe_at_ns, w.now_ns + usual.busy_ns));
	world_fini(&w);
}

Test(health, what_is_to_be_asked_soon_is_so_whatever_else_happens_before)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 10 * NS_PER_S + 500 * MS);
	const uint64_t idle_ns = w.h.probe_at_ns;

	health_probe_soon(&w.h, &usual, w.now_ns);
	cr_assert(not(health_tick(&w.h, &usual, w.now_ns)));
	cr_expect(eq(u64, w.h.probe_at_ns, w.now_ns));
	run_for(&w, 1);
	cr_expect(eq(u64, w.h.probed_ns, w.now_ns - 1));
	cr_expect(ge(u64, w.h.probe_at_ns, idle_ns), "once");
	world_fini(&w);
}

Test(health, busy_probes_at_once_and_idle_waits)
{
	struct path_health h;
	uint64_t t = START + 500 * MS;

	path_up(&h);
	cr_expect(eq(u64, h.probe_at_ns, START + 1000 * MS));
	health_set_busy(&h, &usual, true, t);
	cr_expect(eq(u64, h.probe_at_ns, t));
	health_probe_sent(&h, &usual, t);
	cr_expect(eq(u64, h.probe_at_ns, t + 100 * MS));
	health_set_busy(&h, &usual, true, t + 50 * MS); /* nothing new */
	cr_expect(eq(u64, h.probe_at_ns, t + 100 * MS));
	health_set_busy(&h, &usual, false, t + 60 * MS);
	cr_expect(eq(u64, h.probe_at_ns, t + 1000 * MS));
}

Test(health, sequence_numbers_wrap)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 7000 * NS_PER_S); /* 70,000 probes */
	cr_expect(eq(sz, w.falls, 0));
	cr_expect(eq(sz, w.answers, w.probe_count));
	world_fini(&w);
}

/* More probes on their way than are remembered: they are sent no faster than can be answered. */
Test(health, an_interval_far_below_the_round_trip_works)
{
	static const uint64_t rtts_ms[] = {1, 20, 64, 100, 500, 1900};

	for (size_t n = 0; n < sizeof(rtts_ms) / sizeof(rtts_ms[0]); n++) {
		struct world w;

		world_init(&w, &(struct health_settings){1 * MS, 5000 * MS, 1 * MS, 150 * MS},
		           rtts_ms[n] * MS);
		run_for(&w, 20 * NS_PER_S);
		cr_expect(eq(int, w.h.state, PATH_UP), "rtt %llu", (unsigned long long)rtts_ms[n]);
		cr_expect(eq(sz, w.falls, 0), "rtt %llu", (unsigned long long)rtts_ms[n]);
		world_fini(&w);
	}
}

/* Whatever the settings and the path: run_until() bounds the wakes, the oracle judges each step,
 * and every deadline lies ahead of the moment it was asked at.
 */
Test(health, never_spins_and_never_misses_a_change)
{
	for (unsigned round = 0; round < fewer_emulated(300); round++) {
		struct world w;
		uint64_t interval = random_below(8) ? random_below(2000) : 0;

		world_init(&w,
		           &(struct health_settings){
				   .interval_ns = interval * MS,
				   .timeout_ns = (interval + 1 + random_below(5000)) * MS,
				   .busy_ns = random_below(500) * MS,
				   .slack_ns = random_below(300) * MS,
			   },
		           random_below(500) * MS);
		w.jitter_ns = random_below(200) * MS;
		w.loss_percent = random_below(5) * random_below(11);
		w.hole_from_ns = START + random_below(10000) * MS;
		w.hole_to_ns = w.hole_from_ns + random_below(8000) * MS;
		w.hole_every_ns = (8000 + random_below(20000)) * MS;
		w.queue_from_ns = START + random_below(20000) * MS;
		w.queue_ns = random_below(1000) * MS; /* in all below the 2 s an answer may take */
		w.queue_rise_ns = (1 + random_below(3000)) * MS;
		for (unsigned part = 0; part < 6; part++) {
			set_busy(&w, random_below(2));
			if (random_below(5) == 0)
				fail_world(&w);
			run_for(&w, random_below(6000) * MS);
		}
		world_fini(&w);
	}
}

/* Begun at one moment, as after a pause of the process, and answered at once. */
Test(health, paths_with_a_phase_are_probed_at_different_moments)
{
	enum {
		PATHS = 64,
		SLOTS = 20
	};
	static struct path_health h[PATHS];
	unsigned in_slot[SLOTS] = {0};
	uint64_t end = START + 10000 * MS;

	for (unsigned i = 0; i < PATHS; i++) {
		health_init(&h[i], START);
		health_spread(&h[i], i * (UINT32_MAX / PATHS) + 1);
	}
	for (uint64_t t = START; t < end; t += MS) {
		for (unsigned i = 0; i < PATHS; i++) {
			health_tick(&h[i], &usual, t);
			if (h[i].probe_at_ns > t)
				continue;
			health_answered(&h[i], &usual, health_probe_sent(&h[i], &usual, t), MS, t);
			if (t >= end - 1000 * MS)
				in_slot[(t - START) / (1000 * MS / SLOTS) % SLOTS]++;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++) /* of 50 ms: no more than twice its share */
		cr_expect(le(uint, in_slot[i], 2 * PATHS / SLOTS + 1), "%u", i);
}

/* Whenever the last one left: at most an interval later, at least seven eighths, and in the end on
 * time.
 */
Test(health, phase_never_makes_a_probe_late_and_holds_in_spite_of_delays)
{
	for (uint32_t phase = 1; phase < UINT32_MAX - (1u << 28); phase += 1u << 28) {
		uint64_t t = START + 123 * MS, before, at = 0;
		struct path_health h;

		health_init(&h, t);
		health_spread(&h, phase);
		health_set_busy(&h, &usual, true, t);
		for (unsigned i = 0; i < 30; i++) {
			before = t;
			health_answered(&h, &usual, health_probe_sent(&h, &usual, t), MS, t);
			cr_assert(le(u64, h.probe_at_ns, t + 100 * MS));
			cr_assert(ge(u64, h.probe_at_ns, t + 100 * MS - 100 * MS / 8));
			at = h.probe_at_ns;
			t = at + (i % 3) * MS; /* and we wake a little late */
		}
		cr_expect(eq(u64, at % (100 * MS), 100 * MS * (phase >> 16) >> 16), "%u", phase);
		cr_expect(le(u64, t - before, 100 * MS + 2 * MS));
	}
}

Test(health, phase_outlives_a_reset)
{
	struct path_health h;

	health_init(&h, START);
	health_spread(&h, 77);
	health_reset(&h, START + MS);
	cr_expect(eq(u32, h.phase, 77));
}
