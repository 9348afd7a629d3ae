/* SPDX-License-Identifier: MIT */
/* report.h - figures of a benchmark: a table on a terminal, JSON for machines, a plot, a
 * comparison.
 *
 * A report is a list of rows. Labels tell the rows apart (library, size, flows); metrics are what
 * was measured. Rows are printed as they come, so that a long run shows its progress. One thread.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#define REPORT_LABELS_MAX  12u
#define REPORT_METRICS_MAX 12u

struct report_metric {
	const char *name; /* of the JSON member, with its unit: "ns_per_packet", "mbps" */
	const char *title;
	unsigned decimals;
	bool less_is_better; /* compare: which way is worse */
	bool is_spread;      /* compare leaves it out: how far samples lie apart proves no change */
};

struct report;

/* @labels ends with NULL, @metrics with a name of NULL. They must outlive the report. The process
 * ends with a message when there is no memory: a benchmark cannot go on without.
 */
struct report *report_create(const char *benchmark, const char *const *labels,
                             const struct report_metric *metrics);

/* Where the rows go besides memory; to be called before the first row. */
void report_print_table(struct report *r);

/* One row: a value per label and per metric; NAN is a metric that this row does not have. */
void report_add(struct report *r, const char *const *label_values, const double *values);

/* "3/12 seal ipsec-mb 1420": on standard error, only when it is a terminal; overwritten by what
 * follows. @what NULL takes it away.
 */
void report_progress(struct report *r, unsigned done, unsigned all, const char *what);

/* A line of prose below the table and in the list "notes" of the JSON (what was left out and why).
 */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes all rows as JSON to @path ("-": standard output), with the version, time, kernel, CPU
 * model and count. Returns 0 or a negative errno.
 */
int report_write_json(const struct report *r, const char *path);

/* Draws metric @metric over label @x, a line for each set of the other labels, into @path (ends in
 * .png or .svg) through gnuplot. Where labels @x are no numbers they stand side by side, without
 * lines. Returns 0, or a negative errno after saying why on standard error.
 */
int report_plot(const struct report *r, const char *x, const char *metric, const char *path);

/* Prints the notes below the table, if there is one, and frees. NULL is allowed. */
void report_destroy(struct report *r);

#endif
