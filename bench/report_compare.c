/* SPDX-License-Identifier: MIT */
#include "bench/report_compare.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One comparison on its way. */
struct comparison {
	const json_t *a, *b;
	double threshold; /* as a share */
	FILE *out;
	struct report_comparison counts;
};

/* ---- reading ---- */

static int refuse(const char *path, const char *what)
{
	fprintf(stderr, "vtbench: %s is no report: %s\n", path, what);
	return -EINVAL;
}

static bool are_metrics_valid(const json_t *metrics)
{
	size_t i;
	json_t *metric;

	json_array_foreach(metrics, i, metric)
	{
		const json_t *compared = json_object_get(metric, "is_compared");

		if (!json_is_string(json_object_get(metric, "name")) ||
		    !json_is_boolean(json_object_get(metric, "less_is_better")) ||
		    (compared && !json_is_boolean(compared)))
			return false;
	}
	return json_is_array(metrics);
}

static bool is_row_valid(json_t *row)
{
	json_t *labels = json_object_get(row, "labels"), *values = json_object_get(row, "values");
	const char *key;
	json_t *value;

	json_object_foreach(labels, key, value) if (!json_is_string(value)) return false;
	json_object_foreach(values, key,
	                    value) if (!json_is_number(value) && !json_is_null(value)) return false;
	return json_is_object(labels) && json_is_object(values);
}

static bool are_rows_valid(const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) if (!is_row_valid(row)) return false;
	return json_is_array(rows);
}

static int check(const char *path, const json_t *report)
{
	if (!json_is_string(json_object_get(report, "benchmark")))
		return refuse(path, "no \"benchmark\"");
	if (!are_metrics_valid(json_object_get(report, "metrics")))
		return refuse(path, "\"metrics\" is no list of metrics");
	if (!are_rows_valid(json_object_get(report, "rows")))
		return refuse(path, "\"rows\" is no list of rows with labels and values");
	return 0;
}

static int load(const char *path, json_t **ret)
{
	json_error_t error;
	FILE *file = fopen(path, "re");

	if (!file) {
		int err = -errno;
		fprintf(stderr, "vtbench: cannot read %s: %s\n", path, strerror(-err));
		return err;
	}
	json_t *report = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	fclose(file);
	if (!report) {
		fprintf(stderr, "vtbench: %s:%d:%d: %s\n", path, error.line, error.column,
		        error.text);
		return -EINVAL;
	}
	int err = check(path, report);
	if (err)
		json_decref(report);
	else
		*ret = report;
	return err;
}

/* ---- comparing ---- */

static const char *text_of(const json_t *report, const char *key)
{
	const char *text = json_string_value(json_object_get(report, key));

	return text ? text : "unknown";
}

/* The row of @report with the labels of @row, or NULL. */
static const json_t *find_row(const json_t *report, const json_t *row)
{
	const json_t *labels = json_object_get(row, "labels");
	size_t i;
	json_t *other;

	json_array_foreach(
		json_object_get(report, "rows"), i,
		other) if (json_equal(json_object_get(other, "labels"), labels)) return other;
	return NULL;
}

static bool has_metric(const json_t *report, const char *name)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(report, "metrics"), i,
	                   metric) if (!strcmp(json_string_value(json_object_get(metric, "name")),
	                                       name)) return true;
	return false;
}

/* NAN when the row has none. */
static double figure(const json_t *row, const char *metric)
{
	const json_t *value = json_object_get(json_object_get(row, "values"), metric);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void print_labels(const struct comparison *c, const json_t *row)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(row, "labels"), key, value)
		fprintf(c->out, " %s=%s", key, json_string_value(value));
	fputc('\n', c->out);
}

/* By how much of @a the figure is worse, negative when better. */
static double worsening(double a, double b, bool less_is_better)
{
	double change = a == b ? 0 : (b - a) / fabs(a);

	return less_is_better ? change : -change;
}

static const char *judge(struct comparison *c, double worse_by)
{
	c->counts.compared++;
	if (worse_by > c->threshold) {
		c->counts.worse++;
		return "worse";
	}
	if (worse_by < -c->threshold) {
		c->counts.better++;
		return "better";
	}
	return "same";
}

static void print_one_sided(struct comparison *c, double a, double b)
{
	if (isnan(b)) {
		c->counts.only_a++;
		fprintf(c->out, "%14.6g %14s %8s  only A", a, "-", "-");
	} else {
		c->counts.only_b++;
		fprintf(c->out, "%14s %14.6g %8s  only B", "-", b, "-");
	}
}

static void compare_figure(struct comparison *c, const json_t *metric, const json_t *row_a,
                           const json_t *row_b)
{
	const char *name = json_string_value(json_object_get(metric, "name"));
	double a = figure(row_a, name), b = figure(row_b, name);

	if (isnan(a) && isnan(b))
		return;
	if (isnan(a) || isnan(b)) {
		print_one_sided(c, a, b);
	} else {
		bool less_is_better = json_is_true(json_object_get(metric, "less_is_better"));
		const char *verdict = judge(c, worsening(a, b, less_is_better));

		fprintf(c->out, "%14.6g %14.6g %8.3f  %-6s", a, b, a == b ? 1.0 : b / a, verdict);
	}
	fprintf(c->out, "  %s ", name);
	print_labels(c, row_a);
}

/* Metrics of @report, those left out that tell the spread only or that @but has. */
static void compare_metrics(struct comparison *c, const json_t *report, const json_t *but,
                            const json_t *row_a, const json_t *row_b)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(report, "metrics"), i, metric)
	{
		const char *name = json_string_value(json_object_get(metric, "name"));

		if (!json_is_false(json_object_get(metric, "is_compared")) &&
		    !(but && has_metric(but, name)))
			compare_figure(c, metric, row_a, row_b);
	}
}

static void list_missing(struct comparison *c, const json_t *row, bool is_a)
{
	*(is_a ? &c->counts.only_a : &c->counts.only_b) += 1;
	fprintf(c->out, "%14s %14s %8s  only %c  row ", "", "", "", is_a ? 'A' : 'B');
	print_labels(c, row);
}

static void compare_rows(struct comparison *c)
{
	bool is_same_benchmark = !strcmp(text_of(c->a, "benchmark"), text_of(c->b, "benchmark"));
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(c->a, "rows"), i, row)
	{
		const json_t *other = is_same_benchmark ? find_row(c->b, row) : NULL;

		if (!other) {
			list_missing(c, row, true);
			continue;
		}
		compare_metrics(c, c->a, NULL, row, other);
		compare_metrics(c, c->b, c->a, row, other);
	}
	json_array_foreach(json_object_get(c->b, "rows"), i,
	                   row) if (!is_same_benchmark || !find_row(c->a, row))
		list_missing(c, row, false);
}

/* Figures of two machines can be compared, but it should be known that they are. */
static void print_sides(const struct comparison *c, const char *path_a, const char *path_b)
{
	const char *const paths[] = {path_a, path_b};
	const json_t *const reports[] = {c->a, c->b};

	for (unsigned i = 0; i < 2; i++)
		fprintf(c->out, "%c: %s: %s, version %s, %s, %s, kernel %s\n", 'A' + i, paths[i],
		        text_of(reports[i], "benchmark"), text_of(reports[i], "version"),
		        text_of(reports[i], "time"), text_of(reports[i], "cpu_model"),
		        text_of(reports[i], "kernel"));
	fprintf(c->out, "%14s %14s %8s\n", "A", "B", "B/A");
}

int report_compare(const char *path_a, const char *path_b, double threshold_percent, FILE *out,
                   struct report_comparison *ret)
{
	json_t *a, *b;
	int err = load(path_a, &a);

	if (err)
		return err;
	err = load(path_b, &b);
	if (err)
		goto err_free_a;
	struct comparison c = {.a = a, .b = b, .threshold = threshold_percent / 100, .out = out};
	print_sides(&c, path_a, path_b);
	compare_rows(&c);
	fprintf(out,
	        "%u figures compared: %u worse, %u better by more than %g %%; %u only in A, "
	        "%u only in B\n",
	        c.counts.compared, c.counts.worse, c.counts.better, threshold_percent,
	        c.counts.only_a, c.counts.only_b);
	*ret = c.counts;
	json_decref(b);
err_free_a:
	json_decref(a);
	return err;
}
