/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/similar.h"
#include "cli/check.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/explain.h"
#include "cli/keys.h"
#include "cli/status.h"
#include "cli/usage.h"

static int help_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	return usage_print();
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"check", check_main},   {"config", config_main}, {"explain", explain_main},
	{"help", help_main},     {"genkey", genkey_main}, {"genpsk", genpsk_main},
	{"pubkey", pubkey_main}, {"show", show_main},     {"status", status_main},
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

/* Says what may have been meant by @name. */
static int refuse_subcommand(const char *name)
{
	const char *meant = NULL;
	unsigned best = SIMILAR_NONE;

	if (strchr(name, '/') || strchr(name, '.')) {
		fprintf(stderr, "vtrunkd: no subcommand \"%s\"; -c FILE names a configuration\n",
		        name);
		return CLI_USAGE;
	}
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		if (similar_is_nearer(name, subcommands[i].name, &best))
			meant = subcommands[i].name;
	fprintf(stderr, "vtrunkd: no subcommand \"%s\"; %s%s%s--help tells what there is\n", name,
	        meant ? "did you mean \"" : "", meant ? meant : "", meant ? "\"? " : "");
	return CLI_USAGE;
}

int cli_main(int argc, char **argv)
{
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		if (!strcmp(argv[0], subcommands[i].name))
			return subcommands[i].run(argc, argv);
	return refuse_subcommand(argv[0]);
}
