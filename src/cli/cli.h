/* SPDX-License-Identifier: MIT */
/* cli.h - the subcommands that are no daemon: `vtrunkd status`, `check`, `config`, `genkey` and
 * others.
 *
 * `status` is a client of the control socket (vtrunkd/ctl.h); keys are computed and configurations
 * read here, so no daemon need run for them.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Runs the subcommand that @argv[0] names, with @argv[1] and on as its options. Returns its exit
 * status (exit.h); messages go to standard error, also about a name that is none, with what may
 * have been meant by it.
 */
int cli_main(int argc, char **argv);

#endif
