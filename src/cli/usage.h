/* SPDX-License-Identifier: MIT */
/* usage.h - what `vtrunkd --help` says, of the daemon and of every subcommand. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

/* For standard error, after getopt has said what is wrong. */
extern const char usage_hint[];

/* To standard output. Returns an exit status (exit.h). */
int usage_print(void);

#endif
