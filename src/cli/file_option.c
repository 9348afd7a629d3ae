/* SPDX-License-Identifier: MIT */
#include "cli/file_option.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/usage.h"
#include "config/load.h"

bool file_option_parse(int argc, char **argv, const char **ret_file, bool *ret_wants_help)
{
	static char program[] = "vtrunkd"; /* how getopt's messages begin */
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*ret_file = CONFIG_FILE_DEFAULT;
	*ret_wants_help = false;
	argv[0] = program;
	optind = 0; /* from the start again, whoever used getopt before */
	while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			*ret_file = optarg;
			break;
		case 'h':
			*ret_wants_help = true;
			break;
		default:
			fputs(usage_hint, stderr);
			return false;
		}
	}
	if (optind < argc)
		fprintf(stderr,
		        "vtrunkd: \"%s\" is not expected here; -c FILE names a configuration\n",
		        argv[optind]);
	return optind == argc;
}
