/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/usage.h"

#define OPTION_FIRST 256 /* getopt's value of the first long option: above all letters */

/* The tables that getopt wants. */
struct getopt_tables {
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 1];
};

static void make_tables(struct getopt_tables *tables, const struct option_spec *known)
{
	char *letter = tables->letters;

	*tables = (struct getopt_tables){0};
	for (unsigned i = 0; known[i].name; i++) {
		assert(i < OPTIONS_MAX);
		tables->longs[i] = (struct option){known[i].name,
		                                   known[i].text ? required_argument : no_argument,
		                                   NULL, OPTION_FIRST + (int)i};
		if (!known[i].letter)
			continue;
		*letter++ = known[i].letter;
		if (known[i].text)
			*letter++ = ':';
	}
}

/* Which one getopt's value means. */
static const struct option_spec *spec_of(const struct option_spec *known, int value)
{
	if (value >= OPTION_FIRST)
		return &known[value - OPTION_FIRST];
	while (known->letter != value)
		known++;
	return known;
}

static void take(const struct option_spec *spec, const char *word)
{
	if (spec->text)
		*spec->text = word;
	else if (spec->flag)
		*spec->flag = true;
	else
		*spec->choice = spec->value;
}

bool options_parse(const struct option_spec *known, const char *program, int argc, char **argv)
{
	struct getopt_tables tables;
	int value;

	make_tables(&tables, known);
	argv[0] = (char *)program; /* read only */
	optind = 0;                /* from the start again, whoever used getopt before */
	while ((value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		if (value == '?')
			return false;
		take(spec_of(known, value), optarg);
	}
	return true;
}

bool options_parse_or_hint(const struct option_spec *known, int argc, char **argv)
{
	if (options_parse(known, "vtrunkd", argc, argv))
		return true;
	fputs(usage_hint, stderr);
	return false;
}

bool options_without_words(int argc, char **argv)
{
	if (optind == argc)
		return true;
	fprintf(stderr, "vtrunkd: \"%s\" is not expected here; -c FILE names a configuration\n",
	        argv[optind]);
	return false;
}
