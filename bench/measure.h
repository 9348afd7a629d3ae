/* SPDX-License-Identifier: MIT */
/* measure.h - how long a piece of work takes, as a median of many samples.
 *
 * The work is first repeated until a sample lasts about MEASURE_SAMPLE_NS, which also warms caches
 * and branch predictors up. Then samples are taken until the time is used up. Tasks measured
 * together take turns sample by sample, so that a machine that gets slower or busier harms all of
 * them alike.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#define MEASURE_SAMPLE_NS \
	(10 * 1000 * 1000ull) /* or less, when there is time for few samples only */
#define MEASURE_SAMPLES_MIN 5u
#define MEASURE_SAMPLES_MAX 1000u
#define MEASURE_TASKS_MAX   8u /* measured together */

/* Repeats the work @repetitions times (above 0) and returns the nanoseconds that counts: so it can
 * leave out what prepares the work.
 */
typedef uint64_t (*measure_fn)(void *arg, uint64_t repetitions);

struct measure_task {
	measure_fn run;
	void *arg;
	double samples[MEASURE_SAMPLES_MAX]; /* set by measure(): nanoseconds of one repetition */
	unsigned sample_count;               /* equal for tasks measured together */
};

/* Of one repetition, or of whatever it is scaled to. */
struct spread {
	double median, p10, p90;
};

/* Fills in the samples of @count tasks (1 .. MEASURE_TASKS_MAX), about @time_s seconds for each
 * task.
 */
void measure(struct measure_task *tasks, unsigned count, double time_s);

/* The nanoseconds per repetition, divided by @units per repetition (packets of a batch, ...). */
struct spread measure_spread(const struct measure_task *task, double units);

/* The median over the rounds of @a's time divided by @b's; both were measured together, and so
 * noise that meets both does not count.
 */
double measure_ratio(const struct measure_task *a, const struct measure_task *b);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t measure_now_ns(void);

/* Makes the compiler believe that @p and all memory it leads to are read and written here: the work
 * that made it must be done, and done anew at the next repetition.
 */
static inline void measure_keep(const void *p)
{
	__asm__ volatile("" : : "g"(p) : "memory");
}

/* The same for a number. */
static inline void measure_keep_number(uint64_t n)
{
	__asm__ volatile("" : : "r"(n));
}

/* Random numbers for inputs, the same in every run (SplitMix64). @state is any seed at first. */
static inline uint64_t measure_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
