/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "cli/keys.h"
#include "cli/status.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"genkey", genkey_main}, {"genpsk", genpsk_main}, {"pubkey", pubkey_main},
	{"show", show_main},     {"status", status_main},
};

const char *cli_subcommand(unsigned i)
{
	return i < sizeof subcommands / sizeof subcommands[0] ? subcommands[i].name : NULL;
}

int cli_main(int argc, char **argv)
{
	if (argc < 1)
		return -1;
	for (unsigned i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
		if (!strcmp(argv[0], subcommands[i].name))
			return subcommands[i].run(argc, argv);
	return -1;
}
