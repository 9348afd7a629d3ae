/* SPDX-License-Identifier: MIT */
#include "bench/measure.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "bench/quantile.h"

#define REPETITIONS_MAX (1ull << 40)
#define GROWTH_MAX      16.0 /* of the repetitions, from one trial to the next */
#define NEAR_ENOUGH     0.7 /* share of the wanted length with which a trial ends the calibration */

uint64_t measure_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* How often the work has to be repeated to last @sample_ns. */
static uint64_t calibrate(const struct measure_task *task, double sample_ns)
{
	uint64_t repetitions = 1;

	for (;;) {
		double took_ns = (double)task->run(task->arg, repetitions);
		double growth = took_ns > 0 ? sample_ns / took_ns : GROWTH_MAX;

		if (took_ns >= sample_ns * NEAR_ENOUGH || repetitions >= REPETITIONS_MAX)
			return growth < 1 && repetitions > 1 ? (uint64_t)(repetitions * growth) + 1
			                                     : repetitions;
		if (growth > GROWTH_MAX)
			growth = GROWTH_MAX;
		repetitions = (uint64_t)(repetitions * growth) + 1;
	}
}

void measure(struct measure_task *tasks, unsigned count, double time_s)
{
	double time_ns = time_s * 1e9, sample_ns = MEASURE_SAMPLE_NS;
	uint64_t repetitions[MEASURE_TASKS_MAX];

	assert(count > 0 && count <= MEASURE_TASKS_MAX);
	if (sample_ns > time_ns / MEASURE_SAMPLES_MIN)
		sample_ns = time_ns / MEASURE_SAMPLES_MIN;
	for (unsigned i = 0; i < count; i++) {
		repetitions[i] = calibrate(&tasks[i], sample_ns);
		tasks[i].sample_count = 0;
	}
	uint64_t end_ns = measure_now_ns() + (uint64_t)(time_ns * count);
	for (unsigned n = 0; n < MEASURE_SAMPLES_MAX; n++) {
		if (n >= MEASURE_SAMPLES_MIN && measure_now_ns() >= end_ns)
			break;
		for (unsigned i = 0; i < count; i++) {
			uint64_t took_ns = tasks[i].run(tasks[i].arg, repetitions[i]);

			tasks[i].samples[n] = (double)took_ns / (double)repetitions[i];
			tasks[i].sample_count = n + 1;
		}
	}
}

struct spread measure_spread(const struct measure_task *task, double units)
{
	double sorted[MEASURE_SAMPLES_MAX];
	unsigned n = task->sample_count;

	memcpy(sorted, task->samples, n * sizeof *sorted);
	return (struct spread){
		.median = quantile(sorted, n, 0.5) / units,
		.p10 = quantile(sorted, n, 0.1) / units,
		.p90 = quantile(sorted, n, 0.9) / units,
	};
}

double measure_ratio(const struct measure_task *a, const struct measure_task *b)
{
	double ratios[MEASURE_SAMPLES_MAX];
	unsigned n = a->sample_count;

	for (unsigned i = 0; i < n; i++)
		ratios[i] = a->samples[i] / b->samples[i];
	return quantile(ratios, n, 0.5);
}
