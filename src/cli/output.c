/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit.h"

int output_print(const char *text)
{
	if (fputs(text, stdout) >= 0 && !fflush(stdout))
		return CLI_OK;
	fprintf(stderr, "vtrunkd: cannot write to standard output: %s\n", strerror(errno));
	return CLI_FAILED;
}
