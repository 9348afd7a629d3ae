/* SPDX-License-Identifier: MIT */
/* output.h - what a subcommand prints, with the failure of it as its exit status. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

/* Writes @text, and what stdio held back, to standard output. Returns CLI_OK, or CLI_FAILED after a
 * message.
 */
int output_print(const char *text);

#endif
