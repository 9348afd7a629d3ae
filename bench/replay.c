/* SPDX-License-Identifier: MIT */
/* replay.c - `vtbench replay`: what it costs to ask whether a counter is new. */
#include "crypto/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/measure.h"
#include "bench/options.h"
#include "bench/vtbench.h"
#include "crypto/keypair.h"

#define PATTERN_LEN 8192u /* counters, then the same again further up */
#define SHUFFLED    64u   /* counters that change places with one another */
#define SEED        1u

/* How counters come in. The n-th one is offset[n % PATTERN_LEN] + n / PATTERN_LEN * step. */
struct pattern {
	const char *name;
	uint64_t offset[PATTERN_LEN];
	uint64_t step;
};

struct replay_work {
	struct replay_window window;
	const struct pattern *pattern;
	uint64_t turn; /* through the pattern, over all samples */
	uint64_t refused;
};

static void fill_in_order(struct pattern *p, uint64_t distance)
{
	for (unsigned i = 0; i < PATTERN_LEN; i++)
		p->offset[i] = i * distance;
	p->step = PATTERN_LEN * distance;
}

static void shuffle(struct pattern *p)
{
	uint64_t random = SEED;

	for (unsigned block = 0; block < PATTERN_LEN; block += SHUFFLED) {
		for (unsigned i = SHUFFLED - 1; i > 0; i--) {
			uint64_t *a = &p->offset[block + i];
			uint64_t *b = &p->offset[block + measure_random(&random) % (i + 1)];
			uint64_t kept = *a;

			*a = *b;
			*b = kept;
		}
	}
}

/* Whole turns through the pattern, so that the inner loop does nothing else. */
static uint64_t accept_patterns(void *arg, uint64_t repetitions)
{
	struct replay_work *w = arg;
	uint64_t begin_ns = measure_now_ns(), accepted = 0;

	for (uint64_t r = 0; r < repetitions; r++) {
		uint64_t base = w->turn++ * w->pattern->step;

		for (unsigned i = 0; i < PATTERN_LEN; i++)
			accepted += replay_accept(&w->window, base + w->pattern->offset[i]);
	}
	uint64_t took_ns = measure_now_ns() - begin_ns;
	w->refused += repetitions * PATTERN_LEN - accepted;
	return took_ns;
}

static int measure_row(struct report *r, const struct pattern *pattern, uint32_t bits,
                       double time_s)
{
	static struct measure_task task;
	struct replay_work work = {.pattern = pattern};
	uint64_t *storage = calloc(REPLAY_WORDS(bits), sizeof *storage);
	char bits_text[16];

	if (!storage) {
		fputs("vtbench: out of memory\n", stderr);
		return VTBENCH_FAILED;
	}
	replay_init(&work.window, storage, REPLAY_WORDS(bits));
	task = (struct measure_task){.run = accept_patterns, .arg = &work};
	measure(&task, 1, time_s);
	free(storage);
	if (work.refused > 0) { /* all of them are new */
		fprintf(stderr, "vtbench: %s: the window of %u bits refused new counters\n",
		        pattern->name, bits);
		return VTBENCH_FAILED;
	}
	struct spread ns = measure_spread(&task, PATTERN_LEN);
	snprintf(bits_text, sizeof bits_text, "%u", bits);
	report_add(r, (const char *[]){pattern->name, bits_text},
	           (double[]){ns.median, ns.p10, ns.p90});
	return VTBENCH_OK;
}

static int measure_all(struct report *r, double time_s)
{
	static const uint32_t windows[] = {REPLAY_BITS_CONTROL, KEYPAIR_BITS_UNORDERED,
	                                   REPLAY_BITS_STOCK, REPLAY_BITS_BONDED};
	static struct pattern in_order = {"in order"}, shuffled = {"shuffled"}, jumps = {"jumps"};
	struct pattern *const patterns[] = {&in_order, &shuffled, &jumps};
	const unsigned window_count = sizeof windows / sizeof *windows;

	fill_in_order(&in_order, 1);
	fill_in_order(&shuffled, 1);
	shuffle(&shuffled);
	for (unsigned i = 0; i < 3 * window_count; i++) {
		struct pattern *pattern = patterns[i / window_count];
		uint32_t bits = windows[i % window_count];

		if (pattern == &jumps)
			fill_in_order(&jumps, bits);
		report_progress(r, i + 1, 3 * window_count, pattern->name);
		int status = measure_row(r, pattern, bits, time_s);
		if (status)
			return status;
	}
	return VTBENCH_OK;
}

static const char about[] =
	"The time it takes to ask the replay window about a counter: counters in order,\n"
	"shuffled within 64, and jumping ahead by the whole window, which must be cleared\n"
	"each time.\n";

int replay_main(int argc, char **argv)
{
	static const char *const labels[] = {"counters", "window_bits", NULL};
	static const struct report_metric metrics[] = {
		{"ns_per_counter", "ns", 2, .less_is_better = true},
		{"ns_per_counter_p10", "p10", 2, .less_is_better = true, .is_spread = true},
		{"ns_per_counter_p90", "p90", 2, .less_is_better = true, .is_spread = true},
		{0},
	};
	static const struct options_command command = {
		.name = "replay",
		.about = about,
	};
	struct common_options common = {.time_s = 0.3};

	int status = options_parse(&command, &common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	struct report *r = options_report(&common, "replay", labels, metrics);
	status = measure_all(r, common.time_s);
	int written = options_finish(r, &common, "window_bits", "ns_per_counter");
	return status ? status : written;
}
