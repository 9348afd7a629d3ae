/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "cli/keys.h"
#include "cli/status.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{"genkey", genkey_main},
	{"genpsk", genpsk_main},
	{"pubkey", pubkey_main},
	{"status", status_main},
};

int cli_main(int argc, char **argv)
{
	if (argc < 1)
		return -1;
	for (unsigned i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
		if (!strcmp(argv[0], subcommands[i].name))
			return subcommands[i].run(argc, argv);
	return -1;
}
