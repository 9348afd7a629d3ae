/* SPDX-License-Identifier: MIT */
#include "cli/check.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/exit.h"
#include "cli/keys_ready.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "config/diff.h"
#include "config/diff_text.h"
#include "config/load.h"

struct options {
	const char *file; /* NULL: the default */
	bool is_diff;
	bool wants_help;
};

/* False after a message. Words are left behind optind. */
static bool parse_options(int argc, char **argv, struct options *ret)
{
	const struct option_spec known[] = {
		{"config", 'c', .text = &ret->file},
		{"diff", .flag = &ret->is_diff},
		{"help", 'h', .flag = &ret->wants_help},
		{0},
	};

	*ret = (struct options){0};
	return options_parse_or_hint(known, argc, argv);
}

/* One file. */
static int check_file(const char *file)
{
	struct desired *desired;

	if (config_load(file, stderr, &desired))
		return CLI_USAGE;
	desired_free(desired);
	printf("%s: ok", file);
	return output_print("\n");
}

static int write_diff(const struct desired *old, const struct desired *new)
{
	struct change_list list;
	int status = CLI_FAILED;

	if (desired_diff(old, new, &list)) {
		fputs("vtrunkd: no memory\n", stderr);
	} else {
		change_list_write(&list, stdout);
		status = output_print("");
		if (status == CLI_OK && list.count)
			status = CLI_DIFFER;
	}
	change_list_fini(&list);
	return status;
}

/* Both files are read before anything is decided, so that all that is wrong is said at once. */
static int compare_files(const char *old_file, const char *new_file)
{
	struct desired *old = NULL, *new = NULL;
	int err = config_load(old_file, stderr, &old);
	int new_err = config_load(new_file, stderr, &new);
	int status = err || new_err ? CLI_USAGE : write_diff(old, new);

	desired_free(old);
	desired_free(new);
	return status;
}

static bool words_are_good(const struct options *options, int argc, char **argv)
{
	if (options->is_diff && options->file)
		fputs("vtrunkd: check: --diff takes two files, without -c\n", stderr);
	else if (options->is_diff && argc - optind != 2)
		fputs("vtrunkd: check: --diff needs two files, OLD and NEW\n", stderr);
	else
		return options->is_diff || options_without_words(argc, argv);
	return false;
}

int check_main(int argc, char **argv)
{
	struct options options;

	if (!parse_options(argc, argv, &options))
		return CLI_USAGE;
	if (options.wants_help && optind == argc)
		return usage_print();
	if (!words_are_good(&options, argc, argv))
		return CLI_USAGE;
	int status = keys_ready();
	if (status)
		return status;
	if (options.is_diff)
		return compare_files(argv[optind], argv[optind + 1]);
	return check_file(options.file ? options.file : CONFIG_FILE_DEFAULT);
}
