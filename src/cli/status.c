/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ctl_client.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/status_text.h"
#include "vtrunkd/ctl.h"

static const char usage[] =
	"Usage: vtrunkd status [-i INTERFACE] [--run-dir DIR] [--socket PATH] [--json]\n"
	"\n"
	"  -i, --interface INTERFACE  the daemon of this interface; default: the only one\n"
	"      --run-dir DIR          where its control socket is; default: " CTL_DIRECTORY "\n"
	"      --socket PATH          the socket itself, instead of DIR/INTERFACE" CTL_SUFFIX "\n"
	"      --json                 the status object as it is, for programs\n"
	"      --help                 this text\n";

struct options {
	const char *interface;
	const char *socket;
	const char *run_dir;
	bool is_json;
	bool wants_help;
};

/* False after a message. */
static bool parse_options(int argc, char **argv, struct options *ret)
{
	const struct option_spec known[] = {
		{"interface", 'i', .text = &ret->interface}, {"socket", .text = &ret->socket},
		{"run-dir", .text = &ret->run_dir},          {"json", .flag = &ret->is_json},
		{"help", 'h', .flag = &ret->wants_help},     {0},
	};

	*ret = (struct options){.run_dir = CTL_DIRECTORY};
	if (!options_parse(known, argv[0], argc, argv))
		return false;
	if (optind < argc)
		fprintf(stderr, "vtrunkd: status: '%s' is not expected\n", argv[optind]);
	return optind == argc;
}

/* Returns an exit status; *@path is filled in for CLI_OK. */
static int choose_socket(const struct options *options, char path[static PATH_MAX])
{
	if (options->socket) {
		snprintf(path, PATH_MAX, "%s", options->socket);
		return CLI_OK;
	}
	if (options->interface) {
		if (strlen(options->interface) >= IF_NAMESIZE || strchr(options->interface, '/')) {
			fprintf(stderr, "vtrunkd: '%s' is no name of an interface\n",
			        options->interface);
			return CLI_USAGE;
		}
		snprintf(path, PATH_MAX, "%s/%s" CTL_SUFFIX, options->run_dir, options->interface);
		return CLI_OK;
	}
	switch (ctl_find_socket(options->run_dir, stderr, path)) {
	case 0:
		return CLI_OK;
	case -ENOTUNIQ:
		return CLI_USAGE;
	default:
		return CLI_FAILED;
	}
}

static int print_reply(const json_t *reply, bool is_json)
{
	const json_t *status = json_object_get(reply, "status");

	if (!json_is_object(status)) {
		fputs("vtrunkd: the reply holds no status\n", stderr);
		return CLI_FAILED;
	}
	if (is_json) {
		json_dumpf(status, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
		putchar('\n');
	} else {
		status_print(stdout, status, time(NULL));
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "vtrunkd: cannot write the status: %s\n", strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}

int status_main(int argc, char **argv)
{
	struct options options;
	char path[PATH_MAX];
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
	status = choose_socket(&options, path);
	if (status)
		return status;
	if (ctl_request(path, "status", stderr, &reply))
		return CLI_FAILED;
	status = print_reply(reply, options.is_json);
	json_decref(reply);
	return status;
}

int show_main(int argc, char **argv)
{
	char option[] = "-i";
	char *as_status[] = {argv[0], option, argv[1], NULL};

	if (argc == 2 && argv[1][0] != '-')
		return status_main(3, as_status);
	return status_main(argc, argv);
}
