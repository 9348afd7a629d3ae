/* SPDX-License-Identifier: MIT */
#include "cli/explain.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/explain_text.h"
#include "cli/options.h"
#include "cli/status_request.h"
#include "cli/status_value.h"
#include "vtrunkd/ctl.h"

static const char usage[] =
	"Usage: vtrunkd explain [NAME] [-i INTERFACE] [--run-dir DIR] [--socket PATH]\n"
	"                       [--json]\n"
	"\n"
	"  NAME                       of the peer; default: all\n" STATUS_SOURCE_USAGE
	"      --json                 the peers of the status object, for programs\n"
	"      --help                 this text\n";

struct options {
	struct status_source source;
	const char *name; /* NULL: all */
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
		ret->name = argv[optind++];
	if (optind < argc)
		fprintf(stderr, "vtrunkd: explain: '%s' is not expected\n", argv[optind]);
	return optind == argc;
}

/* Of @peers those that are meant, which the caller gives back. */
static json_t *choose_peers(const json_t *peers, const char *name)
{
	json_t *chosen = json_array(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		if (!name || !strcmp(STATUS_VALUE(peer, PEER_name), name))
			json_array_append(chosen, peer);
	}
	return chosen;
}

static int refuse_name(const json_t *peers, const char *name)
{
	const json_t *peer;
	size_t i;

	fprintf(stderr, "vtrunkd: no peer is called \"%s\"; there are:", name);
	json_array_foreach(peers, i, peer)
		fprintf(stderr, "%s %s", i ? "," : "", STATUS_VALUE(peer, PEER_name));
	fputs(json_array_size(peers) ? "\n" : " none\n", stderr);
	return CLI_USAGE;
}

static int print(const json_t *peers, const struct options *options)
{
	json_t *chosen = choose_peers(peers, options->name);
	int status = CLI_OK;

	if (options->name && !json_array_size(chosen))
		status = refuse_name(peers, options->name);
	else if (options->is_json)
		status_write_json(chosen);
	else
		explain_print(stdout, chosen);
	json_decref(chosen);
	return status;
}

int explain_main(int argc, char **argv)
{
	struct options options;
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
	status = print(status_get(json_object_get(reply, "status"), STATUS_peers), &options);
	json_decref(reply);
	return status ? status : status_end_output();
}
