/* SPDX-License-Identifier: MIT */
/* The program itself, from the outside: VTBENCH names it. Figures are looked at only for being
 * figures.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 10
#define LEAST_TIME    "0.001"

extern char **environ;

struct run {
	int status;
	char *out; /* all of standard output */
	json_t *json;
	unsigned expected; /* rows */
};

static char *read_all(int fd)
{
	char *text = NULL;
	size_t len = 0;
	FILE *sink = open_memstream(&text, &len);
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		fwrite(buffer, 1, (size_t)n, sink);
	fclose(sink);
	return text;
}

/* Runs vtbench with the arguments up to NULL; what it says on standard error is thrown away. */
static struct run run_vtbench(char *const arguments[])
{
	char *program = getenv("VTBENCH"), *argv[ARGUMENTS_MAX + 2] = {program};
	posix_spawn_file_actions_t actions;
	int out[2], status;
	struct run run = {0};
	pid_t pid;

	cr_assert(ne(ptr, program, NULL), "VTBENCH must name the program");
	for (unsigned i = 0; arguments[i]; i++)
		argv[i + 1] = arguments[i];
	cr_assert(eq(int, pipe(out), 0));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclose(&actions, out[0]);
	posix_spawn_file_actions_addclose(&actions, out[1]);
	cr_assert(eq(int, posix_spawn(&pid, program, &actions, NULL, argv, environ), 0));
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	run.out = read_all(out[0]);
	close(out[0]);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(eq(int, WIFEXITED(status), 1), "ended by a signal");
	run.status = WEXITSTATUS(status);
	return run;
}

#define RUN(...) run_vtbench((char *[]){__VA_ARGS__, NULL})

/* A figure above zero; some may be zero or missing. */
static void expect_figure(const char *metric, const json_t *value)
{
	if (!strcmp(metric, "sleeps_per_1000_batches")) {
		cr_expect(eq(int, json_is_null(value) || json_number_value(value) >= 0, 1), "%s",
		          metric);
		return;
	}
	cr_assert(eq(int, json_is_real(value), 1), "%s is no number", metric);
	cr_expect(eq(int, isfinite(json_real_value(value)), 1), "%s", metric);
	if (!strcmp(metric, "loss_percent")) {
		cr_expect(lt(dbl, json_real_value(value), 1)); /* of a busy machine */
		return;
	}
	if (!strcmp(metric, "waited_percent")) {
		cr_expect(le(dbl, 0, json_real_value(value)));
		cr_expect(le(dbl, json_real_value(value), 100));
		return;
	}
	cr_expect(lt(dbl, 0, json_real_value(value)), "%s", metric);
}

static void expect_figures(const json_t *report)
{
	const json_t *metrics = json_object_get(report, "metrics");
	json_t *row, *value;
	const char *metric;
	size_t i;

	json_array_foreach(json_object_get(report, "rows"), i, row)
	{
		json_t *values = json_object_get(row, "values");

		cr_expect(eq(sz, json_object_size(values), json_array_size(metrics)));
		json_object_foreach(values, metric, value) expect_figure(metric, value);
	}
}

/* @run of @benchmark went well, with a report on standard output and nothing else. */
static void read_report(struct run *run, char *benchmark)
{
	json_error_t error;

	cr_assert(eq(int, run->status, 0));
	run->json = json_loads(run->out, 0, &error);
	cr_assert(ne(ptr, run->json, NULL), "%s", error.text);
	cr_expect(eq(str, (char *)json_string_value(json_object_get(run->json, "benchmark")),
	             benchmark));
	expect_figures(run->json);
}

static struct run run_benchmark(char *benchmark)
{
	struct run run = RUN(benchmark, "--time", LEAST_TIME, "--json", "-");

	read_report(&run, benchmark);
	return run;
}

static bool has_labels(const json_t *row, const json_t *names, const char *const *texts)
{
	const json_t *labels = json_object_get(row, "labels");
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text =
			json_string_value(json_object_get(labels, json_string_value(name)));

		if (!texts[i] || !text || strcmp(text, texts[i]) != 0)
			return false;
	}
	return !texts[i] && json_object_size(labels) == i;
}

/* One row has the labels @texts, which end with NULL. */
static void expect_row(struct run *run, const char *const *texts)
{
	const json_t *names = json_object_get(run->json, "labels");
	unsigned found = 0;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(run->json, "rows"), i, row) found +=
		has_labels(row, names, texts);
	cr_expect(eq(uint, found, 1), "%s %s", texts[0], texts[1] ? texts[1] : "");
	run->expected++;
}

#define EXPECT_ROW(run, ...) expect_row(run, (const char *[]){__VA_ARGS__, NULL})

static void finish(struct run *run)
{
	if (run->json)
		cr_expect(
			eq(sz, json_array_size(json_object_get(run->json, "rows")), run->expected));
	json_decref(run->json);
	free(run->out);
}

#define FOR_EACH(text, ...)                                                                     \
	for (const char *const text##_list[] = {__VA_ARGS__, NULL}, *const *text = text##_list; \
	     *text; text++)

/* Without ipsec-mb, at build time or on this CPU, a note says so. */
Test(vtbench, crypto_measures_every_library_and_size, .timeout = 60)
{
	struct run run = run_benchmark("crypto");
	bool has_ipsec_mb = json_array_size(json_object_get(run.json, "notes")) == 0;

	FOR_EACH(operation, "seal", "open")
	{
		FOR_EACH(size, "64", "128", "256", "512", "1024", "1420", "4096", "8192", "16384")
		{
			EXPECT_ROW(&run, *operation, "sodium", *size);
			if (has_ipsec_mb)
				EXPECT_ROW(&run, *operation, "ipsec-mb", *size);
		}
	}
	finish(&run);
	run = RUN("crypto", "--time", LEAST_TIME, "--library", "ipsec-mb", "--batch", "1");
	cr_expect(eq(int, run.status, has_ipsec_mb ? 0 : 1));
	finish(&run);
}

Test(vtbench, queue_measures_every_number_of_producers, .timeout = 60)
{
	struct run run = run_benchmark("queue");

	FOR_EACH(taker, "sleeps", "spins")
	FOR_EACH(packets, "1", "45")
	FOR_EACH(producers, "1", "2", "3", "4")
	EXPECT_ROW(&run, *taker, *packets, *producers);
	finish(&run);
}

Test(vtbench, sched_measures_choice_and_order, .timeout = 60)
{
	struct run run = run_benchmark("sched");

	FOR_EACH(paths, "1", "2", "4", "8", "16")
	EXPECT_ROW(&run, "pick", *paths);
	FOR_EACH(paths, "1", "2", "4", "8", "16")
	EXPECT_ROW(&run, "send", *paths);
	FOR_EACH(paths, "1", "2", "4", "8", "16")
	EXPECT_ROW(&run, "learned", *paths);
	EXPECT_ROW(&run, "reseq in order", "1");
	EXPECT_ROW(&run, "reseq striped", "2");
	finish(&run);
}

Test(vtbench, reseq_measures_every_order_of_arrival, .timeout = 60)
{
	struct run run = run_benchmark("reseq");

	EXPECT_ROW(&run, "in order", "1");
	EXPECT_ROW(&run, "interleaved", "2");
	EXPECT_ROW(&run, "unequal", "2");
	EXPECT_ROW(&run, "repaired", "2");
	finish(&run);
}

Test(vtbench, replay_measures_every_window, .timeout = 60)
{
	struct run run = run_benchmark("replay");

	FOR_EACH(counters, "in order", "shuffled", "jumps")
	FOR_EACH(bits, "256", "2048", "8192", "131072")
	EXPECT_ROW(&run, *counters, *bits);
	finish(&run);
}

Test(vtbench, allowedips_measures_every_size_of_table, .timeout = 60)
{
	struct run run = run_benchmark("allowedips");

	FOR_EACH(family, "ipv4", "ipv6")
	FOR_EACH(prefixes, "10", "100", "1000", "10000", "100000")
	EXPECT_ROW(&run, *family, *prefixes);
	finish(&run);
}

Test(vtbench, handshake_measures_both_roles, .timeout = 60)
{
	struct run run = run_benchmark("handshake");

	FOR_EACH(operation, "create initiation", "consume response", "whole initiator",
	         "whole responder", "check MAC1, good", "check MAC1, forged", "create cookie reply")
	EXPECT_ROW(&run, *operation);
	finish(&run);
}

/* Its status also tells that every flow came in order. */
Test(vtbench, pipeline_measures_two_engines, .timeout = 60)
{
	struct run run = RUN("pipeline", "--crypto", "sodium", "--flows", "3", "--time", LEAST_TIME,
	                     "--json", "-");

	read_report(&run, "pipeline");
	EXPECT_ROW(&run, "sodium", "0", "1", "1", "1", "no", "0", "3", "64", "0");
	EXPECT_ROW(&run, "sodium", "0", "1", "1", "1", "no", "0", "3", "1420", "44");
	finish(&run);
}

/* Several of everything: workers, queues, idle peers, packets in a read. */
Test(vtbench, pipeline_measures_with_several_threads, .timeout = 60)
{
	struct run run =
		RUN("pipeline", "--workers=2", "--queues=2", "--peers=5", "--size=600",
	            "--super-packets=7", "--crypto=sodium", "--time=" LEAST_TIME, "--json=-");

	read_report(&run, "pipeline");
	EXPECT_ROW(&run, "sodium", "5", "1", "2", "2", "yes", "0", "1", "600", "7");
	finish(&run);
}

Test(vtbench, table_takes_the_place_of_json, .timeout = 60)
{
	struct run run = RUN("replay", "--time", LEAST_TIME);

	cr_expect(eq(int, run.status, 0));
	cr_expect(eq(int, strncmp(run.out, "counters", strlen("counters")), 0));
	finish(&run);
}

Test(vtbench, output_that_cannot_be_written_is_a_failure, .timeout = 60)
{
	struct run run = RUN("replay", "--time", LEAST_TIME, "--json", "/dev/full");

	cr_expect(eq(int, run.status, 1));
	finish(&run);
}

/* ---- compare ---- */

static char directory[] = "/tmp/vtbench-test-XXXXXX";

static void write_figure(char *path, double ns)
{
	FILE *file = fopen(path, "w");

	cr_assert(ne(ptr, file, NULL));
	fprintf(file,
	        "{\"benchmark\": \"b\", \"metrics\": [{\"name\": \"ns\", \"less_is_better\": "
	        "true}], "
	        "\"rows\": [{\"labels\": {}, \"values\": {\"ns\": %g}}]}",
	        ns);
	cr_assert(eq(int, fclose(file), 0));
}

Test(vtbench, compare_fails_only_when_strict_and_worse)
{
	char before[64], after[64];

	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(before, sizeof before, "%s/before.json", directory);
	snprintf(after, sizeof after, "%s/after.json", directory);
	write_figure(before, 100);
	write_figure(after, 115);
	struct run runs[] = {
		RUN("compare", before, after),
		RUN("compare", "--strict", after, before),
		RUN("compare", "--strict", "--threshold", "20", before, after),
		RUN("compare", "--strict", before, after),
		RUN("compare", before, directory),
	};
	const int expected[] = {0, 0, 0, 1, 1};

	for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
		cr_expect(eq(int, runs[i].status, expected[i]), "run %u", i);
		finish(&runs[i]);
	}
	unlink(before);
	unlink(after);
	rmdir(directory);
}

/* ---- usage ---- */

Test(vtbench, wrong_usage_has_a_status_of_its_own)
{
	struct run runs[] = {
		RUN("nonsense"),
		RUN("crypto", "--nonsense"),
		RUN("crypto", "--time", "0"),
		RUN("crypto", "--time", "nan"),
		RUN("crypto", "--time", "1x"),
		RUN("crypto", "--time", ""),
		RUN("crypto", "--time"),
		RUN("crypto", "--library", "nonsense"),
		RUN("crypto", "--plot", "plot.pdf"),
		RUN("crypto", "operand"),
		RUN("pipeline", "--links", "17"),
		RUN("pipeline", "--workers", "1,,2"),
		RUN("pipeline", "--hand-over", "1"),
		RUN("pipeline", "--crypto", "nonsense"),
		RUN("compare", "one.json"),
		RUN("compare", "one.json", "two.json", "three.json"),
	};

	for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
		cr_expect(eq(int, runs[i].status, 2), "run %u", i);
		cr_expect(eq(str, runs[i].out, ""), "run %u", i);
		finish(&runs[i]);
	}
}

Test(vtbench, every_subcommand_has_help)
{
	struct run run = RUN("--help");

	cr_expect(eq(int, run.status, 0));
	FOR_EACH(name, "crypto", "queue", "sched", "reseq", "replay", "allowedips", "pipeline",
	         "handshake", "compare")
	{
		struct run help = RUN((char *)*name, "--help");
		char usage[64];

		snprintf(usage, sizeof usage, "Usage: vtbench %s ", *name);
		cr_expect(eq(int, help.status, 0), "%s", *name);
		cr_expect(eq(int, strncmp(help.out, usage, strlen(usage)), 0), "%s", *name);
		cr_expect(ne(ptr, strstr(run.out, *name), NULL), "%s", *name);
		finish(&help);
	}
	finish(&run);
}
