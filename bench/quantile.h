/* SPDX-License-Identifier: MIT */
/* quantile.h - order statistics of a handful of figures. */
#ifndef BENCH_QUANTILE_H
#define BENCH_QUANTILE_H

/* The value below which the share @q (0 .. 1) of @count values lies, interpolated between
 * neighbours (type 7 of Hyndman and Fan 1996): 0 is the least, 0.5 the median, 1 the greatest. NAN
 * are left out, and all there is when nothing is left. Sorts @values.
 */
double quantile(double *values, unsigned count, double q);

#endif
