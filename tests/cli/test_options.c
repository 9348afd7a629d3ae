/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <getopt.h>

#include "stderr_rig.h"

#define WORDS_MAX 6

static const struct {
	const char *words[WORDS_MAX]; /* behind the name of the subcommand */
	bool is_taken, wants_help;
	const char *file, *messages;
} cases[] = {
	{{NULL}, true, false, "default", ""},
	{{"-c", "a"}, true, false, "a", ""},
	{{"-ca"}, true, false, "a", ""},
	{{"--config", "a"}, true, false, "a", ""},
	{{"--config=a"}, true, false, "a", ""},
	{{"-c", "a", "-c", "b"}, true, false, "b", ""},
	{{"-c", "-h"}, true, false, "-h", ""},
	{{"-h"}, true, true, "default", ""},
	{{"--help", "-c", "a"}, true, true, "a", ""},
	{{"a"},
         false,
         false,
         "default",
         "vtrunkd: \"a\" is not expected here; -c FILE names a configuration\n"},
	{{"-c", "a", "--", "-h"},
         false,
         false,
         "a",
         "vtrunkd: \"-h\" is not expected here; -c FILE names a configuration\n"},
	{{"-x"},
         false,
         false,
         "default",
         "vtrunkd: invalid option -- 'x'\nvtrunkd: --help tells what there is\n"},
	{{"-c"},
         false,
         false,
         "default",
         "vtrunkd: option requires an argument -- 'c'\nvtrunkd: --help tells what there is\n"},
};

/* The words of @words as an argv with their number, behind the name of a subcommand. */
static int make_argv(char *argv[WORDS_MAX + 2], const char *const *words)
{
	int argc = 1;

	argv[0] = (char *)"check";
	for (; argc <= WORDS_MAX && words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	argv[argc] = NULL;
	return argc;
}

Test(options, file_and_help_are_taken_and_nothing_else)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *argv[WORDS_MAX + 2], said[512];
		const char *file = "default";
		bool wants_help = false;
		const struct option_spec known[] = {
			{"config", 'c', .text = &file},
			{"help", 'h', .flag = &wants_help},
			{0},
		};
		int argc = make_argv(argv, cases[i].words);

		stderr_catch();
		bool is_taken = options_parse_or_hint(known, argc, argv) &&
		                options_without_words(argc, argv);
		stderr_release(said, sizeof said);
		cr_expect(eq(int, is_taken, cases[i].is_taken), "case %zu", i);
		cr_expect(eq(int, wants_help, cases[i].wants_help), "case %zu", i);
		cr_expect(eq(str, (char *)file, (char *)cases[i].file), "case %zu", i);
		cr_expect(eq(str, said, (char *)cases[i].messages), "case %zu", i);
	}
}

Test(options, last_choice_counts_and_words_may_stand_between)
{
	static const struct {
		const char *words[WORDS_MAX];
		int choice, words_left;
	} table[] = {
		{{NULL}, 7, 0},
		{{"--left"}, 1, 0},
		{{"--right"}, 2, 0},
		{{"--left", "a", "--right", "b"}, 2, 2},
		{{"--ri", "--l"}, 1, 0},
		{{"-r"}, 2, 0},
		{{"a", "--", "-r"}, 7, 2},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char *argv[WORDS_MAX + 2];
		int choice = 7, argc = make_argv(argv, table[i].words);
		const struct option_spec known[] = {
			{"left", .choice = &choice, .value = 1},
			{"right", 'r', .choice = &choice, .value = 2},
			{0},
		};

		cr_expect(options_parse(known, "program", argc, argv), "case %zu", i);
		cr_expect(eq(int, choice, table[i].choice), "case %zu", i);
		cr_expect(eq(int, argc - optind, table[i].words_left), "case %zu", i);
	}
}

Test(options, messages_begin_with_the_programs_name)
{
	char *argv[WORDS_MAX + 2], said[512];
	bool flag = false;
	const struct option_spec known[] = {{"flag", .flag = &flag}, {0}};
	int argc = make_argv(argv, (const char *const[]){"--other", NULL});

	stderr_catch();
	cr_expect(not(options_parse(known, "program", argc, argv)));
	stderr_release(said, sizeof said);
	cr_expect(eq(str, said, (char *)"program: unrecognized option '--other'\n"));
	cr_expect(not(flag));
}
