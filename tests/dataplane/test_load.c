/* SPDX-License-Identifier: MIT */
/* When a link is quiet, and when it is not any more. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "dataplane/load.h"
#include "vtrunkd/limits.h"

Test(load, nothing_is_low)
{
	struct load load = {0};

	cr_expect(load_is_low(&load, 5 * LOAD_SPAN_MS * NS_PER_MS));
}

Test(load, much_is_high_and_not_low_before_a_whole_span_was)
{
	struct load load = {0};
	uint64_t span_ns = LOAD_SPAN_MS * NS_PER_MS, now_ns = 5 * span_ns;

	load_add(&load, 1, now_ns);
	cr_expect(not(load_is_high(&load)));
	cr_expect(load_is_low(&load, now_ns), "and nothing before");
	load_add(&load, 1000, now_ns + span_ns - 1);
	cr_expect(load_is_high(&load));
	cr_expect(not(load_is_low(&load, now_ns + span_ns - 1)));
	cr_expect(not(load_is_low(&load, now_ns + span_ns)), "it was busy until now");
	cr_expect(not(load_is_high(&load)), "a new span");
	cr_expect(not(load_is_low(&load, now_ns + 2 * span_ns - 1)));
	cr_expect(load_is_low(&load, now_ns + 2 * span_ns));
}

/* Nobody looks while nothing comes, and when something comes a new span may have begun with it. */
Test(load, steady_trickle_is_low)
{
	struct load load = {0};
	uint64_t span_ns = LOAD_SPAN_MS * NS_PER_MS, now_ns = 5 * span_ns;

	load_add(&load, 1000, now_ns);
	for (unsigned i = 1; i <= 25; i++) {
		now_ns += span_ns / 10;
		load_add(&load, 1, now_ns);
		cr_expect(eq(int, load_is_low(&load, now_ns), i >= 20), "after %u", i);
	}
}

Test(load, spans_begin_anew)
{
	struct load load = {0};
	uint64_t span_ns = LOAD_SPAN_MS * NS_PER_MS;

	for (unsigned i = 1; i <= 100; i++) {
		load_add(&load, 30, i * span_ns);
		cr_expect(not(load_is_high(&load)), "span %u", i);
	}
}
