/* SPDX-License-Identifier: MIT */
/* run.h - one subcommand in this process: its exit status and what it says. */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define RUN_WORDS_MAX 12

struct run {
	int status;
	char out[8192], messages[8192];
};

/* Runs `vtrunkd @words`, which NULL ends, with files in the place of standard output and error. */
struct run run_cli(const char *const *words);

#define RUN(...) run_cli((const char *const[]){__VA_ARGS__, NULL})

#endif
