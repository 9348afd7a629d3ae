/* SPDX-License-Identifier: MIT */
#include "bench/quantile.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Moves the numbers to the front; how many there are. */
static unsigned keep_numbers(double *values, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++)
		if (!isnan(values[i]))
			values[kept++] = values[i];
	return kept;
}

double quantile(double *values, unsigned count, double q)
{
	unsigned kept = keep_numbers(values, count);

	if (!kept)
		return NAN;
	qsort(values, kept, sizeof *values, compare);
	double at = q * (kept - 1);
	unsigned below = (unsigned)at;
	if (below + 1 >= kept)
		return values[kept - 1];
	return values[below] + (at - below) * (values[below + 1] - values[below]);
}
