/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* A handshake's time stamp that begins anew would be refused as a replay. */
Test(clock, wall_time_goes_on_after_2038)
{
	struct timespec t = clock_wall();

	cr_expect(eq(sz, sizeof t.tv_sec, 8));
	cr_expect(lt(i64, 0, t.tv_sec));
}

Test(clock, boot_time_does_not_go_back)
{
	uint64_t before = clock_boot_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_boot_ns();

		cr_assert(ge(u64, now, before));
		before = now;
	}
}
