/* SPDX-License-Identifier: MIT */
/* status.h - `vtrunkd status`: what a running daemon says of itself, for people or as JSON. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

/* The subcommand, with @argv[0] its name; returns an exit status (cli.h). */
int status_main(int argc, char **argv);

/* The same under the name that `wg` has for it, with the interface as a word: `show [INTERFACE]`.
 */
int show_main(int argc, char **argv);

#endif
