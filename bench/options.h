/* SPDX-License-Identifier: MIT */
/* options.h - options of a subcommand from a table, with --help made of the same table.
 *
 * Messages go to standard error, help to standard output.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

#include "bench/report.h"

#define OPTIONS_RUN (-1) /* no exit status: go on */

#define OPTION_LIST_MAX 32u

/* The values of an option that may be given several times, in their order. */
struct option_list {
	const char *text[OPTION_LIST_MAX];
	unsigned len;
};

/* What an option sets: exactly one of @flag, @number, @text and @list. It holds the default before.
 */
struct option_spec {
	const char *name;     /* without the dashes */
	const char *argument; /* "PERCENT"; of a flag NULL */
	const char *help;
	bool *flag;
	double *number;
	const char **text;
	struct option_list *list;
	double min, max; /* of @number, both allowed */
};

struct options_command {
	const char *name;              /* of the subcommand */
	const char *operands;          /* in the usage line: "A.json B.json"; NULL: none */
	unsigned operand_count;        /* exactly so many; argv[optind] is the first */
	const char *about;             /* what --help says first: lines, each ended */
	const struct option_spec *own; /* ends with a name of NULL; NULL: none */
};

/* Options of every subcommand that measures. */
struct common_options {
	const char *json; /* NULL: none; "-": standard output, and then no table */
	const char *plot; /* NULL: none */
	double time_s;    /* to be set to the default before; 0: the subcommand has no --time */
};

/* @common is NULL for a subcommand that measures nothing. Returns OPTIONS_RUN, or the exit status
 * to end with: 0 after --help, VTBENCH_USAGE after a message.
 */
int options_parse(const struct options_command *command, struct common_options *common, int argc,
                  char **argv);

/* A report that prints a table unless the JSON takes standard output. */
struct report *options_report(const struct common_options *common, const char *benchmark,
                              const char *const *labels, const struct report_metric *metrics);

/* Writes JSON and plot where the options ask for them, ends and frees the report. @x and @metric as
 * for report_plot(). Returns VTBENCH_OK, or VTBENCH_FAILED after a message.
 */
int options_finish(struct report *r, const struct common_options *common, const char *x,
                   const char *metric);

#endif
