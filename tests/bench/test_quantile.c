/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "bench/quantile.h"

Test(quantile, values_between_neighbours_are_interpolated)
{
	double four[] = {4, 1, 3, 2};

	cr_expect(epsilon_eq(dbl, quantile(four, 4, 0), 1.0, 1e-12));
	cr_expect(epsilon_eq(dbl, quantile(four, 4, 0.5), 2.5, 1e-12));
	cr_expect(epsilon_eq(dbl, quantile(four, 4, 0.25), 1.75, 1e-12));
	cr_expect(epsilon_eq(dbl, quantile(four, 4, 0.99), 3.97, 1e-12));
	cr_expect(epsilon_eq(dbl, quantile(four, 4, 1), 4.0, 1e-12));
}

Test(quantile, what_is_not_a_number_is_left_out)
{
	double some[] = {NAN, 7, NAN, 5, 6}, none[] = {NAN, NAN};

	cr_expect(epsilon_eq(dbl, quantile(some, 5, 0.5), 6.0, 1e-12));
	cr_expect(isnan(quantile(none, 2, 0.5)));
	cr_expect(isnan(quantile(none, 0, 0.5)));
}

Test(quantile, one_value_is_every_quantile)
{
	double one[] = {42};

	cr_expect(epsilon_eq(dbl, quantile(one, 1, 0), 42.0, 1e-12));
	cr_expect(epsilon_eq(dbl, quantile(one, 1, 0.99), 42.0, 1e-12));
}
