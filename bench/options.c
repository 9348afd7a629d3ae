/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/vtbench.h"

#define OPTIONS_MAX    24u /* of one subcommand, the common ones included */
#define OPTION_HELP    'h'
#define OPTION_FIRST   256 /* getopt's value of the first spec */
#define TIME_MIN_S     0.001
#define TIME_MAX_S     3600.0
#define COLUMN_OF_HELP 24

/* The subcommand's own options, then the common ones. */
struct option_set {
	struct option_spec spec[OPTIONS_MAX];
	unsigned len;
};

static void add_spec(struct option_set *set, struct option_spec spec)
{
	assert(set->len < OPTIONS_MAX);
	set->spec[set->len++] = spec;
}

static void collect(struct option_set *set, const struct options_command *command,
                    struct common_options *common)
{
	set->len = 0;
	for (const struct option_spec *own = command->own; own && own->name; own++)
		add_spec(set, *own);
	if (!common)
		return;
	if (common->time_s > 0)
		add_spec(set, (struct option_spec){"time", "SECONDS", "spent on each figure",
		                                   .number = &common->time_s, .min = TIME_MIN_S,
		                                   .max = TIME_MAX_S});
	add_spec(set,
	         (struct option_spec){"json", "FILE",
	                              "write a report; \"-\" is standard output, without table",
	                              .text = &common->json});
	add_spec(set, (struct option_spec){"plot", "FILE",
	                                   "draw a plot with gnuplot; FILE ends in .png or .svg",
	                                   .text = &common->plot});
}

static void print_help(const struct options_command *command, const struct option_set *set)
{
	printf("Usage: vtbench %s [OPTION...]%s%s\n\n%s\n", command->name,
	       command->operands ? " " : "", command->operands ? command->operands : "",
	       command->about);
	for (unsigned i = 0; i < set->len; i++) {
		const struct option_spec *spec = &set->spec[i];
		int used = printf("  --%s%s%s", spec->name, spec->argument ? " " : "",
		                  spec->argument ? spec->argument : "");

		printf("%*s%s", used < COLUMN_OF_HELP ? COLUMN_OF_HELP - used : 1, "", spec->help);
		if (spec->number)
			printf(" (%g to %g, default %g)", spec->min, spec->max, *spec->number);
		else if (spec->text && *spec->text)
			printf(" (default %s)", *spec->text);
		putchar('\n');
	}
	printf("  %-*sprint this text and end\n", COLUMN_OF_HELP - 2, "--help");
}

/* False after a message. */
static bool take(const struct option_spec *spec, const char *argument)
{
	char *end;

	if (spec->flag) {
		*spec->flag = true;
	} else if (spec->text) {
		*spec->text = argument;
	} else if (spec->list) {
		if (spec->list->len == OPTION_LIST_MAX) {
			fprintf(stderr, "vtbench: --%s may be given %u times\n", spec->name,
			        OPTION_LIST_MAX);
			return false;
		}
		spec->list->text[spec->list->len++] = argument;
	} else {
		double number = strtod(argument, &end);

		/* Written so that a NAN is refused too. */
		if (end == argument || *end || !(number >= spec->min && number <= spec->max)) {
			fprintf(stderr, "vtbench: --%s wants a number from %g to %g\n", spec->name,
			        spec->min, spec->max);
			return false;
		}
		*spec->number = number;
	}
	return true;
}

static int read_options(const struct options_command *command, const struct option_set *set,
                        int argc, char **argv)
{
	static char program[] = "vtbench"; /* how getopt's messages begin */
	struct option known[OPTIONS_MAX + 2] = {0};
	int option;

	for (unsigned i = 0; i < set->len; i++)
		known[i] = (struct option){set->spec[i].name,
		                           set->spec[i].argument ? required_argument : no_argument,
		                           NULL, OPTION_FIRST + (int)i};
	known[set->len] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	argv[0] = program;
	optind = 0; /* starts anew, also in tests that parse more than once */
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option == OPTION_HELP) {
			print_help(command, set);
			return VTBENCH_OK;
		}
		if (option < OPTION_FIRST || !take(&set->spec[option - OPTION_FIRST], optarg)) {
			fprintf(stderr, "vtbench: %s --help tells what there is\n", command->name);
			return VTBENCH_USAGE;
		}
	}
	return OPTIONS_RUN;
}

static bool is_plot_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".png") || !strcmp(dot, ".svg"));
}

int options_parse(const struct options_command *command, struct common_options *common, int argc,
                  char **argv)
{
	struct option_set set;

	collect(&set, command, common);
	int status = read_options(command, &set, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (argc - optind != (int)command->operand_count) {
		if (argc - optind > (int)command->operand_count)
			fprintf(stderr, "vtbench: \"%s\" is not expected here\n",
			        argv[optind + (int)command->operand_count]);
		else
			fprintf(stderr, "vtbench: %s wants %s\n", command->name, command->operands);
		return VTBENCH_USAGE;
	}
	if (common && common->plot && !is_plot_name(common->plot)) {
		fputs("vtbench: the file of --plot must end in .png or .svg\n", stderr);
		return VTBENCH_USAGE;
	}
	return OPTIONS_RUN;
}

struct report *options_report(const struct common_options *common, const char *benchmark,
                              const char *const *labels, const struct report_metric *metrics)
{
	struct report *r = report_create(benchmark, labels, metrics);

	if (!common->json || strcmp(common->json, "-") != 0)
		report_print_table(r);
	return r;
}

int options_finish(struct report *r, const struct common_options *common, const char *x,
                   const char *metric)
{
	int status = VTBENCH_OK;

	if (common->json) {
		int err = report_write_json(r, common->json);
		if (err) {
			fprintf(stderr, "vtbench: cannot write %s: %s\n", common->json,
			        strerror(-err));
			status = VTBENCH_FAILED;
		}
	}
	if (common->plot && report_plot(r, x, metric, common->plot))
		status = VTBENCH_FAILED;
	report_destroy(r);
	return status;
}
