/* SPDX-License-Identifier: MIT */
#include "cli/check.h"

#include <stdbool.h>
#include <stdio.h>

#include "cli/exit.h"
#include "cli/file_option.h"
#include "cli/keys_ready.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "config/load.h"

int check_main(int argc, char **argv)
{
	struct desired *desired;
	const char *file;
	bool wants_help;

	if (!file_option_parse(argc, argv, &file, &wants_help))
		return CLI_USAGE;
	if (wants_help)
		return usage_print();
	int status = keys_ready();
	if (status)
		return status;
	if (config_load(file, stderr, &desired))
		return CLI_USAGE;
	desired_free(desired);
	printf("%s: ok", file);
	return output_print("\n");
}
