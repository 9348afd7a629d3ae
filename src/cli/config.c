/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/key_text.h"
#include "cli/exit.h"
#include "cli/keys_ready.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "config/starter.h"
#include "config/value.h"

struct options {
	const char *output;
	bool is_forced;
	struct config_starter starter;
	bool wants_help;
};

/* False after a message. */
static bool parse_options(int argc, char **argv, struct options *ret)
{
	struct config_starter *starter = &ret->starter;
	int kind = CONFIG_STARTER_PAIR;
	const struct option_spec known[] = {
		{"output", .text = &ret->output},
		{"force", .flag = &ret->is_forced},
		{"client", .choice = &kind, .value = CONFIG_STARTER_CLIENT},
		{"gateway", .choice = &kind, .value = CONFIG_STARTER_GATEWAY},
		{"peer-key", .text = &starter->peer_key},
		{"endpoint", .text = &starter->endpoint},
		{"help", 'h', .flag = &ret->wants_help},
		{0},
	};

	*ret = (struct options){0};
	if (!options_parse_or_hint(known, argc, argv))
		return false;
	starter->kind = kind;
	if (optind < argc)
		fprintf(stderr, "vtrunkd: \"%s\" is not expected here\n", argv[optind]);
	return optind == argc;
}

/* What is wrong with the options of `config`, or NULL. */
static const char *refuse_starter(const struct options *options)
{
	const struct config_starter *starter = &options->starter;

	if (!options->output)
		return "--output FILE is needed, \"-\" for standard output";
	if (starter->peer_key && starter->kind == CONFIG_STARTER_PAIR)
		return "--peer-key needs --client or --gateway";
	if (starter->endpoint && starter->kind != CONFIG_STARTER_CLIENT)
		return "--endpoint needs --client: a gateway waits to be contacted";
	if (starter->peer_key && config_check_key(starter->peer_key))
		return "--peer-key must be a key, base64 of 32 bytes (44 characters); `vtrunkd "
		       "pubkey -c FILE` at the other end prints it";
	if (starter->endpoint && config_check_endpoint(starter->endpoint))
		return "--endpoint must be HOST:PORT, IP:PORT or [IPv6]:PORT";
	return NULL;
}

/* The file is written; what now? */
static void say_next(FILE *out, const struct options *options, const char *key)
{
	const struct config_starter *starter = &options->starter;
	const char *file = strcmp(options->output, "-") ? options->output : "FILE";

	fprintf(out, "Our public key: %s\n", key);
	if (starter->kind == CONFIG_STARTER_PAIR)
		fprintf(out,
		        "The end of the file holds what the other end needs, its keys included.\n"
		        "For two machines there are --gateway and --client.\n");
	if (starter->kind == CONFIG_STARTER_GATEWAY)
		fprintf(out,
		        "At the client: vtrunkd config --client --peer-key %s "
		        "--endpoint ADDRESS-OF-THIS-MACHINE:51820 --output %s\n",
		        key, file);
	if (starter->kind == CONFIG_STARTER_CLIENT)
		fprintf(out, "At the gateway: make it the public_key of an entry of peers.\n");
	if (starter->kind != CONFIG_STARTER_PAIR)
		fprintf(out,
		        "Here: look %s over; vtrunkd check -c %s tells what is left to fill in.\n",
		        file, file);
}

int config_main(int argc, char **argv)
{
	struct options options;

	if (!parse_options(argc, argv, &options))
		return CLI_USAGE;
	if (options.wants_help)
		return usage_print();
	const char *fault = refuse_starter(&options);
	if (fault) {
		fprintf(stderr, "vtrunkd: config: %s\n", fault);
		return CLI_USAGE;
	}
	int status = keys_ready();
	if (status)
		return status;
	uint8_t key[KEY_LEN];
	char text[KEY_TEXT_LEN];
	int err = config_write_starter(options.output, options.is_forced, &options.starter, key);
	if (!err) {
		bool is_stdout = !strcmp(options.output, "-");

		key_to_base64(text, key);
		say_next(is_stdout ? stderr : stdout, &options, text);
		return is_stdout ? CLI_OK : output_print("");
	}
	fprintf(stderr, "vtrunkd: cannot write %s: %s%s\n", options.output, strerror(-err),
	        err == -EEXIST    ? "; --force replaces it"
	        : err == -ENOTSUP ? "; it is no regular file"
	                          : "");
	return err == -EEXIST ? CLI_USAGE : CLI_FAILED;
}
