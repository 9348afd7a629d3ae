/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../expect_text.h"
#include "report_rig.h"
#include "version.h"

static char directory[] = "/tmp/vtbench-test-XXXXXX";
static char path[64]; /* a file in it */

static void setup(void)
{
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path, sizeof path, "%s/report.png", directory);
}

static void teardown(void)
{
	unlink(path);
	rmdir(directory);
}

TestSuite(report, .init = setup, .fini = teardown);

static void add(struct report *r, const char *library, const char *size, double ns, double mbytes)
{
	report_add(r, (const char *[]){library, size}, (double[]){ns, ns * 1.5, mbytes});
}

/* ---- JSON ---- */

static json_t *write_and_load(const struct report *r)
{
	json_error_t error;

	cr_assert(eq(int, report_write_json(r, path), 0));
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	cr_assert(ne(ptr, json, NULL), "%s", error.text);
	return json;
}

static json_t *row_of(const json_t *json, size_t i)
{
	return json_array_get(json_object_get(json, "rows"), i);
}

static json_t *value_of(const json_t *json, size_t i, const char *metric)
{
	return json_object_get(json_object_get(row_of(json, i), "values"), metric);
}

static const char *label_of(const json_t *json, size_t i, const char *label)
{
	return json_string_value(
		json_object_get(json_object_get(row_of(json, i), "labels"), label));
}

Test(report, json_holds_exactly_what_was_added)
{
	static const double values[] = {0.1, 1.0 / 3, 1e300, 5e-324, 123456789.123456789, 0, -1};
	const size_t count = sizeof values / sizeof *values;
	struct report *r = report_create("crypto", labels, metrics);

	for (size_t i = 0; i < count; i++) {
		char size[16];

		snprintf(size, sizeof size, "%zu", i);
		add(r, "a \"quoted\"\n\xc3\xa4", size, values[i], 7);
	}
	json_t *json = write_and_load(r);
	cr_expect(eq(sz, json_array_size(json_object_get(json, "rows")), count));
	for (size_t i = 0; i < count; i++) {
		char size[16];

		snprintf(size, sizeof size, "%zu", i);
		EXPECT_TEXT(label_of(json, i, "library"), "a \"quoted\"\n\xc3\xa4");
		EXPECT_TEXT(label_of(json, i, "size"), size);
		cr_expect(eq(dbl, json_real_value(value_of(json, i, "ns")), values[i]));
		cr_expect(eq(dbl, json_real_value(value_of(json, i, "mbytes_per_s")), 7));
	}
	json_decref(json);
	report_destroy(r);
}

Test(report, json_has_null_where_there_is_no_number)
{
	struct report *r = report_create("crypto", labels, metrics);

	add(r, "sodium", "64", NAN, 1);
	add(r, "sodium", "128", INFINITY, -INFINITY);
	json_t *json = write_and_load(r);
	cr_expect(eq(int, json_is_null(value_of(json, 0, "ns")), 1));
	cr_expect(eq(int, json_is_null(value_of(json, 0, "ns_p90")), 1));
	cr_expect(eq(dbl, json_real_value(value_of(json, 0, "mbytes_per_s")), 1));
	cr_expect(eq(int, json_is_null(value_of(json, 1, "ns")), 1));
	cr_expect(eq(int, json_is_null(value_of(json, 1, "mbytes_per_s")), 1));
	json_decref(json);
	report_destroy(r);
}

Test(report, json_tells_what_was_measured_and_where)
{
	struct report *r = report_create("crypto", labels, metrics);
	unsigned year;

	report_note(r, "%s is left out", "ipsec-mb");
	json_t *json = write_and_load(r);
	EXPECT_TEXT(json_string_value(json_object_get(json, "program")), "vtbench");
	EXPECT_TEXT(json_string_value(json_object_get(json, "version")), VTRUNKD_VERSION);
	EXPECT_TEXT(json_string_value(json_object_get(json, "benchmark")), "crypto");
	const char *time = json_string_value(json_object_get(json, "time"));
	cr_expect(eq(int, sscanf(time, "%4u-%*2u-%*2uT%*2u:%*2u:%*2uZ", &year), 1));
	cr_expect(ge(uint, year, 2024));
	cr_expect(eq(int, json_is_string(json_object_get(json, "kernel")), 1));
	cr_expect(ge(int, json_integer_value(json_object_get(json, "cpu_count")), 1));
	const json_t *spread = json_array_get(json_object_get(json, "metrics"), 1);
	EXPECT_TEXT(json_string_value(json_object_get(spread, "name")), "ns_p90");
	cr_expect(eq(int, json_is_true(json_object_get(spread, "less_is_better")), 1));
	cr_expect(eq(int, json_is_false(json_object_get(spread, "is_compared")), 1));
	EXPECT_TEXT(json_string_value(json_array_get(json_object_get(json, "notes"), 0)),
	            "ipsec-mb is left out");
	cr_expect(eq(sz, json_array_size(json_object_get(json, "rows")), 0));
	json_decref(json);
	report_destroy(r);
}

Test(report, json_that_cannot_be_written_is_an_error)
{
	struct report *r = report_create("crypto", labels, metrics);

	cr_expect(eq(int, report_write_json(r, "/dev/full"), -ENOSPC));
	cr_expect(eq(int, report_write_json(r, directory), -EISDIR));
	report_destroy(r);
}

/* ---- the table ---- */

#define LINES_MAX 8
#define LINE_LEN  160

static unsigned read_lines(FILE *file, char lines[LINES_MAX][LINE_LEN])
{
	unsigned count = 0;

	while (count < LINES_MAX && fgets(lines[count], LINE_LEN, file)) {
		lines[count][strcspn(lines[count], "\n")] = '\0';
		count++;
	}
	return count;
}

/* Where @text ends in @line, -1 when it is not there. */
static int end_of(const char *line, const char *text)
{
	const char *at = strstr(line, text);

	return at ? (int)(at + strlen(text) - line) : -1;
}

Test(report, table_has_columns_that_line_up)
{
	char lines[LINES_MAX][LINE_LEN];

	cr_redirect_stdout();
	struct report *r = report_create("crypto", labels, metrics);
	report_print_table(r);
	add(r, "sodium", "64", 484.52, 132);
	add(r, "ipsec-mb", "16384", 12231.64, NAN);
	report_destroy(r);
	fflush(stdout);
	cr_assert(eq(uint, read_lines(cr_get_redirected_stdout(), lines), 3));
	for (unsigned i = 1; i < 3; i++)
		cr_expect(eq(sz, strlen(lines[i]), strlen(lines[0])));
	/* Labels begin together, figures end together. */
	cr_expect(eq(ptr, strstr(lines[0], "library"), lines[0]));
	cr_expect(eq(ptr, strstr(lines[1], "sodium"), lines[1]));
	cr_expect(eq(int, end_of(lines[1], "64") - 2, end_of(lines[0], "size") - 4));
	cr_expect(eq(int, end_of(lines[1], "484.5"), end_of(lines[0], " ns")));
	cr_expect(eq(int, end_of(lines[2], "12231.6"), end_of(lines[0], " ns")));
	cr_expect(eq(int, end_of(lines[1], "132"), end_of(lines[0], "MB/s")));
	cr_expect(eq(int, end_of(lines[2], " -"), end_of(lines[0], "MB/s")));
}

Test(report, table_widens_for_what_is_too_long_for_a_column)
{
	char lines[LINES_MAX][LINE_LEN];

	cr_redirect_stdout();
	struct report *r = report_create("crypto", labels, metrics);
	report_print_table(r);
	add(r, "a library with a very long name", "64", 1, 1);
	add(r, "sodium", "64", 123456789012345, 1);
	add(r, "sodium", "64", 1, 1);
	report_destroy(r);
	fflush(stdout);
	cr_assert(eq(uint, read_lines(cr_get_redirected_stdout(), lines), 4));
	cr_expect(ge(int, end_of(lines[1], "name  64"), 0));
	cr_expect(eq(sz, strlen(lines[0]), strlen(lines[1])), "the titles follow the first row");
	cr_expect(ge(int, end_of(lines[2], " 123456789012345.0 "), 0));
	cr_expect(eq(sz, strlen(lines[3]), strlen(lines[2])));
}

Test(report, notes_stand_below_the_table)
{
	char lines[LINES_MAX][LINE_LEN];

	cr_redirect_stdout();
	struct report *r = report_create("crypto", labels, metrics);
	report_print_table(r);
	report_note(r, "one of %d", 2);
	add(r, "sodium", "64", 1, 1);
	report_note(r, "two");
	report_destroy(r);
	fflush(stdout);
	cr_assert(eq(uint, read_lines(cr_get_redirected_stdout(), lines), 5));
	EXPECT_TEXT(lines[2], "");
	EXPECT_TEXT(lines[3], "one of 2");
	EXPECT_TEXT(lines[4], "two");
}

Test(report, without_a_table_standard_output_is_left_alone)
{
	char lines[LINES_MAX][LINE_LEN];

	cr_redirect_stdout();
	struct report *r = report_create("crypto", labels, metrics);
	add(r, "sodium", "64", 1, 1);
	report_note(r, "a note");
	report_destroy(r);
	fflush(stdout);
	cr_expect(eq(uint, read_lines(cr_get_redirected_stdout(), lines), 0));
}

Test(report, progress_is_for_terminals_only)
{
	char lines[LINES_MAX][LINE_LEN];

	cr_redirect_stderr();
	struct report *r = report_create("crypto", labels, metrics);
	report_progress(r, 1, 2, "sodium");
	report_destroy(r);
	fflush(stderr);
	cr_expect(eq(uint, read_lines(cr_get_redirected_stderr(), lines), 0));
}

Test(report, nothing_is_destroyed_twice)
{
	report_destroy(NULL);
}

/* ---- the plot ---- */

static void need_gnuplot(void)
{
	if (access("/usr/bin/gnuplot", X_OK) && access("/usr/local/bin/gnuplot", X_OK))
		cr_skip_test("gnuplot is not installed");
}

static void expect_png(void)
{
	unsigned char magic[4] = {0};
	FILE *file = fopen(path, "r");

	cr_assert(ne(ptr, file, NULL));
	cr_expect(eq(sz, fread(magic, 1, sizeof magic, file), sizeof magic));
	cr_expect(eq(int, memcmp(magic, "\x89PNG", sizeof magic), 0));
	fclose(file);
}

Test(report, plot_without_gnuplot_fails_and_says_so)
{
	char lines[LINES_MAX][LINE_LEN];
	struct report *r = report_create("crypto", labels, metrics);

	add(r, "sodium", "64", 1, 1);
	setenv("PATH", directory, 1);
	cr_redirect_stderr();
	cr_expect(eq(int, report_plot(r, "size", "ns", path), -ENOENT));
	fflush(stderr);
	cr_assert(eq(uint, read_lines(cr_get_redirected_stderr(), lines), 1));
	cr_expect(ne(ptr, strstr(lines[0], "gnuplot"), NULL));
	report_destroy(r);
}

Test(report, plot_of_what_is_not_there_is_refused)
{
	struct report *r = report_create("crypto", labels, metrics);

	cr_redirect_stderr();
	add(r, "sodium", "64", NAN, 1);
	cr_expect(eq(int, report_plot(r, "color", "ns", path), -EINVAL));
	cr_expect(eq(int, report_plot(r, "size", "color", path), -EINVAL));
	cr_expect(eq(int, report_plot(r, "size", "ns", path), -ENODATA));
	cr_expect(eq(int, access(path, F_OK), -1));
	report_destroy(r);
}

Test(report, plot_is_drawn_over_numbers)
{
	need_gnuplot();
	struct report *r = report_create("it's", labels, metrics);

	add(r, "it's 'quoted'", "64", 1, 1);
	add(r, "sodium\nset output", "64", 2, 1);
	add(r, "it's 'quoted'", "16384", 3, 1);
	add(r, "sodium\nset output", "128", NAN, 1);
	cr_expect(eq(int, report_plot(r, "size", "ns", path), 0));
	expect_png();
	report_destroy(r);
}

Test(report, plot_is_drawn_over_names)
{
	need_gnuplot();
	struct report *r = report_create("crypto", labels, metrics);

	add(r, "it's", "64", 1, 1);
	add(r, "sodium", "64", 2000, 1);
	add(r, "it's", "128", NAN, 1);
	cr_expect(eq(int, report_plot(r, "library", "ns", path), 0));
	expect_png();
	report_destroy(r);
}

Test(report, plot_that_cannot_be_written_is_an_error)
{
	char missing[128];

	need_gnuplot();
	struct report *r = report_create("crypto", labels, metrics);

	cr_redirect_stderr();
	add(r, "sodium", "64", 1, 1);
	snprintf(missing, sizeof missing, "%s/missing/plot.svg", directory);
	cr_expect(eq(int, report_plot(r, "size", "ns", missing), -EIO));
	report_destroy(r);
}
