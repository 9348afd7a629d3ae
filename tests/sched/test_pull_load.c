/* SPDX-License-Identifier: MIT */
#include "sched/pull_load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define START_NS (1000 * NS_PER_S)
#define PACKET   1400u

static struct pull_load load;

Test(pull_load, in_the_beginning_a_download_is_expected)
{
	cr_expect(pull_load_is(&load, PACKET, START_NS));
	pull_load_sent(&load, PACKET, START_NS);
	cr_expect(pull_load_is(&load, PACKET, START_NS + PULL_NEW_NS - 1));
	cr_expect(not(pull_load_is(&load, PACKET, START_NS + PULL_NEW_NS)));
}

Test(pull_load, what_is_not_bulk_begins_it_too)
{
	pull_load_sent(&load, 0, START_NS);
	cr_expect(not(pull_load_is(&load, PACKET, START_NS + PULL_NEW_NS)));
}

Test(pull_load, much_in_one_busy_period_tells_for_long)
{
	uint64_t now_ns = START_NS + 2 * PULL_NEW_NS;

	pull_load_sent(&load, 0, START_NS);
	pull_load_sent(&load, PULL_LOAD_BYTES, now_ns);
	cr_expect(not(pull_load_is(&load, PACKET, now_ns)));
	pull_load_sent(&load, 1, now_ns);
	cr_expect(pull_load_is(&load, PACKET, now_ns));
	pull_load_begin(&load);
	cr_expect(pull_load_is(&load, PACKET, now_ns + PULL_LOAD_NS - 1));
	cr_expect(not(pull_load_is(&load, PACKET, now_ns + PULL_LOAD_NS)));
}

Test(pull_load, little_in_many_busy_periods_does_not)
{
	uint64_t now_ns = START_NS;

	for (unsigned i = 0; i < 100; i++, now_ns += NS_PER_S) {
		pull_load_begin(&load);
		pull_load_sent(&load, PACKET, now_ns);
	}
	cr_expect(not(pull_load_is(&load, PACKET, now_ns)));
}

Test(pull_load, small_packets_belong_to_none)
{
	cr_expect(not(pull_load_is(&load, PULL_SMALL - 1, START_NS)));
	cr_expect(pull_load_is(&load, PULL_SMALL, START_NS));
}
