/* SPDX-License-Identifier: MIT */
/* report.c - rows in memory, the table and the line of progress. */
#include "bench/report.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report_private.h"
#include "bench/vtbench.h"

#define LABEL_WIDTH     9 /* of columns at least, where there are many */
#define METRIC_WIDTH    9
#define LABELS_WIDE_MAX 7 /* more of them are as wide as their names */
#define NUMBER_LENGTH   64

/* @p, or the end. */
static void *must(void *p)
{
	if (p)
		return p;
	fputs("vtbench: out of memory\n", stderr);
	exit(VTBENCH_FAILED);
}

static int widest(const char *text, int least)
{
	int len = (int)strlen(text);

	return len > least ? len : least;
}

/* A row is printed before the widest one is known. The fewer labels, the longer their texts. */
static int label_width(unsigned label_count)
{
	static const int width[] = {0, 20, 14};

	if (label_count > LABELS_WIDE_MAX)
		return 0;
	return label_count < sizeof width / sizeof *width ? width[label_count] : LABEL_WIDTH;
}

struct report *report_create(const char *benchmark, const char *const *labels,
                             const struct report_metric *metrics)
{
	struct report *r = must(calloc(1, sizeof *r));

	r->benchmark = benchmark;
	r->labels = labels;
	r->metrics = metrics;
	for (; labels[r->label_count]; r->label_count++) {
		assert(r->label_count < REPORT_LABELS_MAX);
	}
	for (unsigned i = 0; i < r->label_count; i++)
		r->width[i] = widest(labels[i], label_width(r->label_count));
	for (; metrics[r->metric_count].name; r->metric_count++) {
		assert(r->metric_count < REPORT_METRICS_MAX);
		r->width[r->label_count + r->metric_count] =
			widest(metrics[r->metric_count].title, METRIC_WIDTH);
	}
	return r;
}

void report_destroy(struct report *r)
{
	if (!r)
		return;
	report_progress(r, 0, 0, NULL);
	for (size_t i = 0; i < r->note_count; i++) {
		if (r->has_table)
			printf("%s%s\n", i == 0 && r->row_count > 0 ? "\n" : "", r->notes[i]);
		free(r->notes[i]);
	}
	for (size_t i = 0; i < r->row_count; i++)
		for (unsigned k = 0; k < r->label_count; k++)
			free(r->rows[i].labels[k]);
	free(r->notes);
	free(r->rows);
	free(r);
}

void report_print_table(struct report *r)
{
	r->has_table = true;
}

/* ---- the table ---- */

static void print_titles(const struct report *r)
{
	printf("%-*s", r->width[0], r->label_count ? r->labels[0] : "");
	for (unsigned i = 1; i < r->label_count; i++)
		printf("  %-*s", r->width[i], r->labels[i]);
	for (unsigned i = 0; i < r->metric_count; i++)
		printf("  %*s", r->width[r->label_count + i], r->metrics[i].title);
	putchar('\n');
}

static void format_value(char text[static NUMBER_LENGTH], const struct report_metric *metric,
                         double value)
{
	if (isfinite(value))
		snprintf(text, NUMBER_LENGTH, "%.*f", (int)metric->decimals, value);
	else
		strcpy(text, "-");
}

/* A cell wider than its column makes the column wider from here on. */
static void widen(struct report *r, const struct report_row *row)
{
	char text[NUMBER_LENGTH];
	int *width = r->width;

	for (unsigned i = 0; i < r->label_count; i++, width++)
		*width = widest(row->labels[i], *width);
	for (unsigned i = 0; i < r->metric_count; i++, width++) {
		format_value(text, &r->metrics[i], row->values[i]);
		*width = widest(text, *width);
	}
}

static void print_row(const struct report *r, const struct report_row *row)
{
	char text[NUMBER_LENGTH];
	const int *width = r->width;

	for (unsigned i = 0; i < r->label_count; i++)
		printf("%s%-*s", i ? "  " : "", *width++, row->labels[i]);
	for (unsigned i = 0; i < r->metric_count; i++) {
		format_value(text, &r->metrics[i], row->values[i]);
		printf("  %*s", *width++, text);
	}
	putchar('\n');
	fflush(stdout);
}

void report_add(struct report *r, const char *const *label_values, const double *values)
{
	struct report_row *row;

	r->rows = must(reallocarray(r->rows, r->row_count + 1, sizeof *r->rows));
	row = &r->rows[r->row_count++];
	*row = (struct report_row){0};
	for (unsigned i = 0; i < r->label_count; i++)
		row->labels[i] = must(strdup(label_values[i]));
	memcpy(row->values, values, r->metric_count * sizeof *values);
	if (!r->has_table)
		return;
	report_progress(r, 0, 0, NULL);
	widen(r, row);
	if (r->row_count == 1)
		print_titles(r);
	print_row(r, row);
}

/* ---- progress and notes ---- */

void report_progress(struct report *r, unsigned done, unsigned all, const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (what)
		fprintf(stderr, "\r%u/%u %s\033[K", done, all, what);
	else if (r->has_progress)
		fputs("\r\033[K", stderr);
	fflush(stderr);
	r->has_progress = what != NULL;
}

void report_note(struct report *r, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	r->notes = must(reallocarray(r->notes, r->note_count + 1, sizeof *r->notes));
	r->notes[r->note_count++] = must(text);
}
