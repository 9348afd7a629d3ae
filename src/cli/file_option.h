/* SPDX-License-Identifier: MIT */
/* file_option.h - the options of subcommands that read a configuration and need nothing else. */
#ifndef CLI_FILE_OPTION_H
#define CLI_FILE_OPTION_H

#include <stdbool.h>

/* -c FILE, --config FILE and --help. *@ret_file is the default without one. False after a message. */
bool file_option_parse(int argc, char **argv, const char **ret_file, bool *ret_wants_help);

#endif
