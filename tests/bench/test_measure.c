/* SPDX-License-Identifier: MIT */
#include "bench/measure.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>

static struct measure_task first, second;

/* Work that claims to take a given time, whatever the clock says. */
struct fake {
	uint64_t ns; /* per repetition */
	uint64_t calls, repetitions, last;
	const struct fake *other; /* takes turns with this one */
	bool is_out_of_turn;
};

static uint64_t run_fake(void *arg, uint64_t repetitions)
{
	struct fake *f = arg;

	f->calls++;
	f->repetitions += repetitions;
	f->last = repetitions;
	return repetitions * f->ns;
}

Test(measure, sample_lasts_as_long_as_wanted)
{
	struct fake fake = {.ns = 100};

	first = (struct measure_task){.run = run_fake, .arg = &fake};
	measure(&first, 1, 1e-6 * MEASURE_SAMPLES_MIN); /* samples of a microsecond */
	cr_expect(ge(u64, fake.last, 7));
	cr_expect(le(u64, fake.last, 20));
	fake = (struct fake){.ns = 100};
	measure(&first, 1, 0.1);
	cr_expect(ge(u64, fake.last * 100, MEASURE_SAMPLE_NS * 7 / 10));
	cr_expect(le(u64, fake.last * 100, MEASURE_SAMPLE_NS * 2));
}

Test(measure, work_longer_than_a_sample_is_done_once_per_sample)
{
	struct fake fake = {.ns = 3600ull * 1000 * 1000 * 1000};

	first = (struct measure_task){.run = run_fake, .arg = &fake};
	measure(&first, 1, 0.001);
	cr_expect(eq(u64, fake.last, 1));
	cr_expect(ge(uint, first.sample_count, MEASURE_SAMPLES_MIN));
}

Test(measure, result_is_time_per_repetition_and_unit)
{
	struct fake fake = {.ns = 450};

	first = (struct measure_task){.run = run_fake, .arg = &fake};
	measure(&first, 1, 0.001);
	struct spread ns = measure_spread(&first, 45);
	cr_expect(epsilon_eq(dbl, ns.median, 10, 1e-9));
	cr_expect(epsilon_eq(dbl, ns.p10, 10, 1e-9));
	cr_expect(epsilon_eq(dbl, ns.p90, 10, 1e-9));
}

/* After the calibration neither may run twice in a row. */
static uint64_t run_in_turn(void *arg, uint64_t repetitions)
{
	struct fake *f = arg;
	uint64_t lead = f->calls - f->other->calls; /* wraps */

	f->is_out_of_turn |= lead != 0 && lead != UINT64_MAX;
	return run_fake(arg, repetitions);
}

Test(measure, tasks_take_turns)
{
	/* Far longer than a sample: the calibration of each is one call. */
	struct fake a = {.ns = 1000000000}, b = {.ns = 2000000000, .other = &a};
	struct measure_task tasks[2] = {{.run = run_in_turn, .arg = &a},
	                                {.run = run_in_turn, .arg = &b}};

	a.other = &b;
	measure(tasks, 2, 0.001);
	cr_expect(not(a.is_out_of_turn));
	cr_expect(not(b.is_out_of_turn));
	cr_expect(eq(uint, tasks[0].sample_count, tasks[1].sample_count));
	cr_expect(epsilon_eq(dbl, measure_ratio(&tasks[0], &tasks[1]), 0.5, 1e-9));
}

Test(measure, spread_is_of_the_samples_in_any_order)
{
	/* 1 .. 11, so that the tenth parts are samples. */
	const double samples[] = {7, 3, 11, 1, 9, 5, 2, 8, 10, 4, 6};

	first.sample_count = sizeof samples / sizeof *samples;
	for (unsigned i = 0; i < first.sample_count; i++)
		first.samples[i] = samples[i];
	struct spread s = measure_spread(&first, 2);
	cr_expect(epsilon_eq(dbl, s.p10, 1, 1e-9));
	cr_expect(epsilon_eq(dbl, s.median, 3, 1e-9));
	cr_expect(epsilon_eq(dbl, s.p90, 5, 1e-9));
	cr_expect(eq(dbl, first.samples[0], 7)); /* left as they were */
}

/* A disturbance that met both in the same rounds leaves the ratio alone, though not the medians. */
Test(measure, ratio_is_of_samples_taken_side_by_side)
{
	const double a[] = {10, 10, 50, 60, 70}, b[] = {20, 20, 100, 120, 140};

	first.sample_count = second.sample_count = 5;
	for (unsigned i = 0; i < 5; i++) {
		first.samples[i] = a[i];
		second.samples[i] = i == 0 ? 1000 : b[i]; /* once alone */
	}
	cr_expect(epsilon_eq(dbl, measure_ratio(&first, &second), 0.5, 1e-9));
}

Test(measure, random_numbers_are_the_same_in_every_run)
{
	uint64_t a = 1, b = 1, c = 2;

	for (unsigned i = 0; i < 100; i++) {
		uint64_t x = measure_random(&a);

		cr_expect(eq(u64, x, measure_random(&b)));
		cr_expect(ne(u64, x, measure_random(&c)));
	}
	/* The first one of seed 0, from the description of SplitMix64. */
	a = 0;
	cr_expect(eq(u64, measure_random(&a), 0xe220a8397b1dcdaf));
}
