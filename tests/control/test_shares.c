/* SPDX-License-Identifier: MIT */
#include "control/shares.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static uint64_t bytes[PATHS_MAX];
static uint16_t permille[PATHS_MAX];

static unsigned sum(void)
{
	unsigned all = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		all += permille[i];
	return all;
}

Test(shares, of_nothing_there_is_none)
{
	shares_of(bytes, permille);
	cr_expect(eq(uint, sum(), 0));
}

Test(shares, one_has_all)
{
	bytes[15] = 1;
	shares_of(bytes, permille);
	cr_expect(eq(u16, permille[15], 1000));
	cr_expect(eq(uint, sum(), 1000));
}

Test(shares, what_is_left_goes_to_the_largest_remainder)
{
	bytes[0] = 1;
	bytes[1] = 1;
	bytes[2] = 1;
	shares_of(bytes, permille);
	cr_expect(eq(u16, permille[0], 334));
	cr_expect(eq(u16, permille[1], 333));
	cr_expect(eq(u16, permille[2], 333));
	bytes[0] = 10001;
	bytes[1] = 10004;
	bytes[2] = 79995;
	bytes[3] = 0;
	shares_of(bytes, permille);
	cr_expect(eq(u16, permille[0], 100), "100.01 of 1000");
	cr_expect(eq(u16, permille[2], 800));
	cr_expect(eq(u16, permille[3], 0));
	cr_expect(eq(uint, sum(), 1000));
}

Test(shares, sum_to_the_whole_whatever_was_sent)
{
	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned i = 0; i < PATHS_MAX; i++)
			bytes[i] = (uint64_t)random() << (random() % 33);
		shares_of(bytes, permille);
		cr_assert(eq(uint, sum(), 1000));
	}
}

Test(shares, of_as_much_as_fits_a_counter)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		bytes[i] = UINT64_MAX;
	shares_of(bytes, permille);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		cr_expect(eq(int, permille[i] == 62 || permille[i] == 63, 1));
	cr_expect(eq(uint, sum(), 1000));
}
