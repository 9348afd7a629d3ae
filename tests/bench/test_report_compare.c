/* SPDX-License-Identifier: MIT */
#include "bench/report_compare.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report_rig.h"

#define OUTPUT_LEN 4096

static char directory[] = "/tmp/vtbench-test-XXXXXX";
static char path_a[64], path_b[64];
static FILE *out;

static void setup(void)
{
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path_a, sizeof path_a, "%s/a.json", directory);
	snprintf(path_b, sizeof path_b, "%s/b.json", directory);
	out = tmpfile();
	cr_assert(ne(ptr, out, NULL));
}

static void teardown(void)
{
	fclose(out);
	unlink(path_a);
	unlink(path_b);
	rmdir(directory);
}

TestSuite(report_compare, .init = setup, .fini = teardown);

struct row {
	const char *cipher, *size;
	double ns, ns_p90, mbytes;
};

static void write_report(const char *path, const char *benchmark, const struct row *rows,
                         unsigned count)
{
	struct report *r = report_create(benchmark, labels, metrics);

	for (unsigned i = 0; i < count; i++)
		report_add(r, (const char *[]){rows[i].cipher, rows[i].size},
		           (double[]){rows[i].ns, rows[i].ns_p90, rows[i].mbytes});
	cr_assert(eq(int, report_write_json(r, path), 0));
	report_destroy(r);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(ge(int, fputs(text, file), 0));
	cr_assert(eq(int, fclose(file), 0));
}

static struct report_comparison compare(double threshold)
{
	struct report_comparison counts;

	cr_assert(eq(int, report_compare(path_a, path_b, threshold, out, &counts), 0));
	return counts;
}

static struct report_comparison compare_rows(struct row a, struct row b, double threshold)
{
	write_report(path_a, "crypto", &a, 1);
	write_report(path_b, "crypto", &b, 1);
	return compare(threshold);
}

/* The line of what was printed that contains @text, or "". */
static const char *line_with(const char *text)
{
	static char line[OUTPUT_LEN];

	rewind(out);
	while (fgets(line, sizeof line, out))
		if (strstr(line, text))
			return line;
	return "";
}

Test(report_compare, direction_of_the_metric_decides_what_is_worse)
{
	static const struct {
		double ns, mbytes; /* both were 100 */
		unsigned worse, better;
	} cases[] = {
		{100, 100, 0, 0}, {120, 100, 1, 0}, {80, 100, 0, 1}, {100, 120, 0, 1},
		{100, 80, 1, 0},  {120, 80, 2, 0},  {80, 120, 0, 2}, {120, 120, 1, 1},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct report_comparison counts = compare_rows(
			(struct row){"sodium", "64", 100, 100, 100},
			(struct row){"sodium", "64", cases[i].ns, 100, cases[i].mbytes}, 10);

		cr_expect(eq(uint, counts.compared, 2), "case %u", i);
		cr_expect(eq(uint, counts.worse, cases[i].worse), "case %u", i);
		cr_expect(eq(uint, counts.better, cases[i].better), "case %u", i);
		cr_expect(eq(uint, counts.only_a + counts.only_b, 0), "case %u", i);
	}
}

Test(report_compare, only_more_than_the_threshold_counts)
{
	const struct row a = {"sodium", "64", 1000, 1, 1000};

	/* An eighth has an exact binary fraction. */
	cr_expect(eq(uint, compare_rows(a, (struct row){"sodium", "64", 1125, 1, 875}, 12.5).worse,
	             0));
	cr_expect(eq(uint, compare_rows(a, (struct row){"sodium", "64", 1126, 1, 874}, 12.5).worse,
	             2));
	cr_expect(eq(uint, compare_rows(a, (struct row){"sodium", "64", 875, 1, 1125}, 12.5).better,
	             0));
	cr_expect(eq(uint, compare_rows(a, (struct row){"sodium", "64", 874, 1, 1126}, 12.5).better,
	             2));
	cr_expect(
		eq(uint, compare_rows(a, (struct row){"sodium", "64", 1001, 1, 1000}, 0).worse, 1));
}

Test(report_compare, spread_of_samples_is_not_compared)
{
	struct report_comparison counts =
		compare_rows((struct row){"sodium", "64", 100, 1, 100},
	                     (struct row){"sodium", "64", 100, 99, 100}, 10);

	cr_expect(eq(uint, counts.compared, 2));
	cr_expect(eq(uint, counts.worse, 0));
	cr_expect(eq(str, (char *)line_with("ns_p90"), ""));
}

Test(report_compare, both_values_ratio_and_verdict_are_printed)
{
	compare_rows((struct row){"sodium", "64", 100, 1, 100},
	             (struct row){"sodium", "64", 150, 1, 250}, 10);
	const char *line = line_with("  ns ");
	double a, b, ratio;
	char verdict[16];

	cr_assert(eq(int, sscanf(line, "%lf %lf %lf %15s", &a, &b, &ratio, verdict), 4));
	cr_expect(eq(dbl, a, 100));
	cr_expect(eq(dbl, b, 150));
	cr_expect(eq(dbl, ratio, 1.5));
	cr_expect(eq(str, verdict, "worse"));
	cr_expect(ne(ptr, strstr(line, "library=sodium size=64"), NULL));
	cr_assert(eq(int, sscanf(line_with("mbytes"), "%lf %lf %lf %15s", &a, &b, &ratio, verdict),
	             4));
	cr_expect(eq(dbl, ratio, 2.5));
	cr_expect(eq(str, verdict, "better"));
}

Test(report_compare, rows_are_found_by_labels_wherever_they_stand)
{
	const struct row a[] = {{"sodium", "64", 1, 1, 1}, {"sodium", "128", 2, 1, 2}};
	const struct row b[] = {{"sodium", "128", 2, 1, 2}, {"sodium", "64", 1, 1, 1}};

	write_report(path_a, "crypto", a, 2);
	write_report(path_b, "crypto", b, 2);
	struct report_comparison counts = compare(0);
	cr_expect(eq(uint, counts.compared, 4));
	cr_expect(eq(uint, counts.worse + counts.better, 0));
}

Test(report_compare, rows_of_one_side_are_listed)
{
	const struct row a[] = {{"sodium", "64", 1, 1, 1}, {"sodium", "128", 2, 1, 2}};
	const struct row b[] = {{"sodium", "64", 1, 1, 1},
	                        {"ipsec-mb", "64", 9, 1, 9},
	                        {"ipsec-mb", "128", 9, 1, 9}};

	write_report(path_a, "crypto", a, 2);
	write_report(path_b, "crypto", b, 3);
	struct report_comparison counts = compare(10);
	cr_expect(eq(uint, counts.compared, 2));
	cr_expect(eq(uint, counts.only_a, 1));
	cr_expect(eq(uint, counts.only_b, 2));
	cr_expect(ne(ptr, strstr(line_with("only A"), "library=sodium size=128"), NULL));
	cr_expect(ne(ptr, strstr(line_with("only B"), "library=ipsec-mb size=64"), NULL));
}

Test(report_compare, figures_of_one_side_are_listed)
{
	struct report_comparison counts =
		compare_rows((struct row){"sodium", "64", NAN, 1, 100},
	                     (struct row){"sodium", "64", 100, 1, NAN}, 10);

	cr_expect(eq(uint, counts.compared, 0));
	cr_expect(eq(uint, counts.only_a, 1));
	cr_expect(eq(uint, counts.only_b, 1));
	cr_expect(ne(ptr, strstr(line_with("only A"), "mbytes_per_s"), NULL));
	cr_expect(ne(ptr, strstr(line_with("only B"), " ns "), NULL));
	counts = compare_rows((struct row){"sodium", "64", NAN, 1, NAN},
	                      (struct row){"sodium", "64", NAN, 1, NAN}, 10);
	cr_expect(eq(uint, counts.compared + counts.only_a + counts.only_b, 0));
}

Test(report_compare, different_benchmarks_have_nothing_in_common)
{
	const struct row row = {"sodium", "64", 1, 1, 1};

	write_report(path_a, "crypto", &row, 1);
	write_report(path_b, "queue", &row, 1);
	struct report_comparison counts = compare(10);
	cr_expect(eq(uint, counts.compared, 0));
	cr_expect(eq(uint, counts.only_a, 1));
	cr_expect(eq(uint, counts.only_b, 1));
}

Test(report_compare, zero_on_one_side_is_a_change_without_limit)
{
	struct report_comparison counts =
		compare_rows((struct row){"sodium", "64", 0, 1, 0},
	                     (struct row){"sodium", "64", 1, 1, 1}, 10000);

	cr_expect(eq(uint, counts.worse, 1));
	cr_expect(eq(uint, counts.better, 1));
	counts = compare_rows((struct row){"sodium", "64", 0, 1, 0},
	                      (struct row){"sodium", "64", 0, 1, 0}, 0);
	cr_expect(eq(uint, counts.worse + counts.better, 0));
	cr_expect(eq(uint, counts.compared, 2));
}

Test(report_compare, malformed_report_is_an_error_on_either_side)
{
	static const char *const malformed[] = {
		"",
		"{",
		"null",
		"7",
		"[]",
		"{}",
		"\xff",
		"{\"benchmark\": \"b\", \"benchmark\": \"b\", \"metrics\": [], \"rows\": []}",
		"{\"benchmark\": 7, \"metrics\": [], \"rows\": []}",
		"{\"benchmark\": \"b\", \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": []}",
		"{\"benchmark\": \"b\", \"metrics\": {}, \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [7], \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [{\"name\": \"ns\"}], \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [{\"less_is_better\": true}], \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [{\"name\": \"ns\", \"less_is_better\": 1}], "
		"\"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [{\"name\": \"ns\", \"less_is_better\": true, "
		"\"is_compared\": \"no\"}], \"rows\": []}",
		"{\"benchmark\": \"b\", \"metrics\": [], \"rows\": {}}",
		"{\"benchmark\": \"b\", \"metrics\": [], \"rows\": [null]}",
		"{\"benchmark\": \"b\", \"metrics\": [], \"rows\": [{\"labels\": {}}]}",
		"{\"benchmark\": \"b\", \"metrics\": [], \"rows\": [{\"values\": {}}]}",
		"{\"benchmark\": \"b\", \"metrics\": [], \"rows\": [{\"labels\": [], \"values\": "
		"{}}]}",
		"{\"benchmark\": \"b\", \"metrics\": [], "
		"\"rows\": [{\"labels\": {\"size\": 64}, \"values\": {}}]}",
		"{\"benchmark\": \"b\", \"metrics\": [], "
		"\"rows\": [{\"labels\": {}, \"values\": {\"ns\": \"64\"}}]}",
	};
	const struct row row = {"sodium", "64", 1, 1, 1};
	struct report_comparison counts;

	cr_redirect_stderr();
	write_report(path_a, "crypto", &row, 1);
	for (unsigned i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		write_text(path_b, malformed[i]);
		cr_expect(eq(int, report_compare(path_a, path_b, 10, out, &counts), -EINVAL),
		          "second: %s", malformed[i]);
		cr_expect(eq(int, report_compare(path_b, path_a, 10, out, &counts), -EINVAL),
		          "first: %s", malformed[i]);
	}
	cr_expect(eq(int, ftell(out), 0), "nothing is printed");
}

Test(report_compare, report_of_the_least_that_is_needed_is_accepted)
{
	write_text(path_a, "{\"benchmark\": \"b\", \"metrics\": [{\"name\": \"ns\", "
	                   "\"less_is_better\": true}], \"rows\": [{\"labels\": {}, "
	                   "\"values\": {\"ns\": 7}}]}");
	write_text(path_b, "{\"benchmark\": \"b\", \"metrics\": [], \"rows\": [{\"labels\": {}, "
	                   "\"values\": {\"ns\": 14}}]}");
	struct report_comparison counts = compare(10);
	cr_expect(eq(uint, counts.worse, 1));
}

Test(report_compare, error_names_the_file_and_the_place)
{
	const struct row row = {"sodium", "64", 1, 1, 1};
	struct report_comparison counts;
	char message[256] = "";

	cr_redirect_stderr();
	write_report(path_a, "crypto", &row, 1);
	write_text(path_b, "{\n\"benchmark\": oops}");
	report_compare(path_a, path_b, 10, out, &counts);
	fflush(stderr);
	cr_assert(ne(ptr, fgets(message, sizeof message, cr_get_redirected_stderr()), NULL));
	cr_expect(ne(ptr, strstr(message, path_b), NULL));
	cr_expect(ne(ptr, strstr(message, ":2:"), NULL));
}

Test(report_compare, missing_file_is_an_error)
{
	struct report_comparison counts;

	cr_redirect_stderr();
	cr_expect(eq(int, report_compare(path_a, path_b, 10, out, &counts), -ENOENT));
}
