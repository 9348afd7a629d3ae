/* SPDX-License-Identifier: MIT */
/* options.h - the options of the daemon and of its subcommands, each from a table.
 *
 * getopt_long(3) reads them: options may stand behind words, long ones may be cut short, and what
 * is wrong with one it says itself on standard error. Where the table says so, an option's word is
 * kept, a flag raised, or a choice made; of several options that set the same the last one counts.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

#define OPTIONS_MAX 16u /* in one table */

/* What it sets is exactly one of @text, @flag and @choice, and holds the default before. */
struct option_spec {
	const char *name;  /* without the dashes; NULL: the end of the table */
	char letter;       /* 0: none */
	const char **text; /* gets the word that the option needs */
	bool *flag;        /* gets true */
	int *choice;       /* gets @value */
	int value;
};

/* Reads the options of @argv, whose words are argv[optind] and on then. getopt's messages begin
 * with @program, which takes the place of argv[0]. False after one of them.
 */
bool options_parse(const struct option_spec *known, const char *program, int argc, char **argv);

/* The same of the daemon, and of a subcommand whose help is the daemon's (usage.h): the message is
 * followed by where that help is.
 */
bool options_parse_or_hint(const struct option_spec *known, int argc, char **argv);

/* After one of these: false, with a message, when there are words. Some may have meant -c FILE. */
bool options_without_words(int argc, char **argv);

#endif
