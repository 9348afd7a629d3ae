/* SPDX-License-Identifier: MIT */
/* report_compare.h - two reports in JSON, figure by figure.
 *
 * Rows are the same when benchmark and labels are. A figure got worse or better when it moved by
 * more than the threshold, in the direction that its metric says. Metrics that only tell the spread
 * of samples are left out.
 */
#ifndef BENCH_REPORT_COMPARE_H
#define BENCH_REPORT_COMPARE_H

#include <stdio.h>

/* Figures, each one metric of one row. */
struct report_comparison {
	unsigned compared; /* there on both sides */
	unsigned worse;    /* of those */
	unsigned better;   /* of those */
	unsigned only_a;   /* rows that the second report lacks, and figures null there */
	unsigned only_b;
};

/* Prints both values, their ratio and the verdict to @out, a line per figure, and counts.
 * @threshold is in percent of the first value. Returns 0, or a negative errno after saying on
 * standard error which file cannot be read (-EINVAL: it is no report) and where it is wrong.
 */
int report_compare(const char *path_a, const char *path_b, double threshold_percent, FILE *out,
                   struct report_comparison *ret);

#endif
