/* SPDX-License-Identifier: MIT */
/* status_request.h - the status of a running daemon, for subcommands that show something of it. */
#ifndef CLI_STATUS_REQUEST_H
#define CLI_STATUS_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "vtrunkd/ctl.h"

/* Which daemon is meant; what is NULL was not said. */
struct status_source {
	const char *interface;
	const char *socket;
	const char *run_dir; /* never NULL */
};

/* The lines of a help that say what they mean. */
#define STATUS_SOURCE_USAGE                                                                      \
	"  -i, --interface INTERFACE  the daemon of this interface; default: the only one\n"     \
	"      --run-dir DIR          where its control socket is; default: " CTL_DIRECTORY "\n" \
	"      --socket PATH          the socket itself, instead of DIR/INTERFACE" CTL_SUFFIX "\n"

/* And the options themselves (cli/options.h), into @source. */
#define STATUS_SOURCE_OPTIONS(source) \
	{"interface", 'i', .text = &(source)->interface}, {"socket", .text = &(source)->socket}, \
		{"run-dir", .text = &(source)->run_dir}

/* Asks. An exit status, after a message if it is not CLI_OK; else *@ret_reply, which is the
 * caller's to json_decref(), holds an object "status".
 */
int status_request(const struct status_source *source, json_t **ret_reply);

/* Writes @object to standard output as it is, for programs. */
void status_write_json(const json_t *object);

/* Ends the output. An exit status, after a message. */
int status_end_output(void);

#endif
