/* SPDX-License-Identifier: MIT */
/* check.h - `vtrunkd check`: what is wrong with a configuration. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

/* With @argv[0] its name. Returns an exit status (exit.h). */
int check_main(int argc, char **argv);

#endif
