/* SPDX-License-Identifier: MIT */
#include "same_math.h"

#include <math.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static bool is_near(double is, double want)
{
	return fabs(is - want) <= 1e-12 * (1 + fabs(want));
}

Test(same_math, it_is_what_the_library_has)
{
	for (double x = 1e-12; x < 1e12; x *= 1.37) {
		cr_expect(is_near(same_log(x), log(x)), "log %g", x);
		cr_expect(is_near(same_cube_root(x) / cbrt(x), 1), "cbrt %g", x);
		cr_expect(is_near(same_power(x, 0.3) / pow(x, 0.3), 1), "pow %g", x);
	}
	for (double x = -20; x < 20; x += 0.037)
		cr_expect(is_near(same_exp(x) / exp(x), 1), "exp %g", x);
	for (double x = 0; x < 1; x += 0.0013)
		cr_expect(is_near(same_cos_turn(x), cos(2 * M_PI * x)), "cos %g", x);
}

Test(same_math, the_root_of_nothing_is_nothing)
{
	cr_expect(eq(dbl, same_cube_root(0), 0));
}
