/* SPDX-License-Identifier: MIT */
/* report_private.h - what the files behind report.h share. */
#ifndef BENCH_REPORT_PRIVATE_H
#define BENCH_REPORT_PRIVATE_H

#include <stddef.h>

#include "bench/report.h"

struct report_row {
	char *labels[REPORT_LABELS_MAX];
	double values[REPORT_METRICS_MAX];
};

struct report {
	const char *benchmark;
	const char *const *labels;
	unsigned label_count;
	const struct report_metric *metrics;
	unsigned metric_count;

	struct report_row *rows;
	size_t row_count;
	char **notes;
	size_t note_count;

	bool has_table;
	bool has_progress; /* a line of progress stands on the terminal */
	int width[REPORT_LABELS_MAX + REPORT_METRICS_MAX]; /* of the table's columns */
};

#endif
