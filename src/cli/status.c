/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "cli/status_request.h"
#include "cli/status_text.h"
#include "vtrunkd/ctl.h"

static const char usage[] =
	"Usage: vtrunkd status [-i INTERFACE] [--run-dir DIR] [--socket PATH] [--json]\n"
	"\n" STATUS_SOURCE_USAGE
	"      --json                 the status object as it is, for programs\n"
	"      --help                 this text\n";

struct options {
	struct status_source source;
	bool is_json;
	bool wants_help;
};

/* False after a message. */
static bool parse_options(int argc, char **argv, struct options *ret)
{
	const struct option_spec known[] = {
		STATUS_SOURCE_OPTIONS(&ret->source),
		{"json", .flag = &ret->is_json},
		{"help", 'h', .flag = &ret->wants_help},
		{0},
	};

	*ret = (struct options){.source.run_dir = CTL_DIRECTORY};
	if (!options_parse(known, argv[0], argc, argv))
		return false;
	if (optind < argc)
		fprintf(stderr, "vtrunkd: status: '%s' is not expected\n", argv[optind]);
	return optind == argc;
}

int status_main(int argc, char **argv)
{
	struct options options;
	const json_t *object;
	json_t *reply;
	int status;

	if (!parse_options(argc, argv, &options)) {
		fputs(usage, stderr);
		return CLI_USAGE;
	}
	if (options.wants_help) {
		fputs(usage, stdout);
		return CLI_OK;
	}
	status = status_request(&options.source, &reply);
	if (status)
		return status;
	object = json_object_get(reply, "status");
	if (options.is_json)
		status_write_json(object);
	else
		status_print(stdout, object, time(NULL));
	json_decref(reply);
	return status_end_output();
}

int show_main(int argc, char **argv)
{
	char option[] = "-i";
	char *as_status[] = {argv[0], option, argv[1], NULL};

	if (argc == 2 && argv[1][0] != '-')
		return status_main(3, as_status);
	return status_main(argc, argv);
}
