/* SPDX-License-Identifier: MIT */
/* check.h - `vtrunkd check`: what is wrong with a configuration, or what is different in another.
 *
 * With -c FILE one file is checked. With --diff OLD NEW both are, and what would have to be done to
 * get from the one to the other goes to standard output, a line for each step (config/diff_text.h);
 * nothing when they mean the same.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

/* With @argv[0] its name. Returns an exit status (exit.h): CLI_DIFFER when files are compared and
 * differ.
 */
int check_main(int argc, char **argv);

#endif
