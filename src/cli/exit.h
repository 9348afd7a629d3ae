/* SPDX-License-Identifier: MIT */
/* exit.h - the exit statuses of the subcommands, which are those of the daemon and one more. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#define CLI_OK     0
#define CLI_USAGE  1 /* wrong options, or input that is not what it should be */
#define CLI_FAILED 2 /* nobody answers, nothing can be written */
#define CLI_DIFFER 3 /* of check --diff: both files are good and not the same */

#endif
