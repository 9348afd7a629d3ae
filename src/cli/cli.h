/* SPDX-License-Identifier: MIT */
/* cli.h - the subcommands that are no daemon: `vtrunkd status`, `show`, `genkey`, `pubkey`, `genpsk`.
 *
 * `status` is a client of the control socket (vtrunkd/ctl.h); the keys are computed here, so no daemon
 * need run for them. `check` and `config` read the configuration and are control's.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Runs the subcommand that @argv[0] names, with @argv[1] and on as its options. Returns its exit
 * status, or -1 when there is no such subcommand here. Messages go to standard error.
 */
int cli_main(int argc, char **argv);

/* The name of the subcommand number @i, from 0 on; NULL: there are no more. */
const char *cli_subcommand(unsigned i);

#endif
