/* SPDX-License-Identifier: MIT */
#include "cli/file_option.h"

#include "config/load.h"
#include "stderr_rig.h"

#define WORDS_MAX 6

static const struct {
	const char *words[WORDS_MAX]; /* behind the name of the subcommand */
	bool is_taken, wants_help;
	const char *file, *messages;
} cases[] = {
	{{NULL}, true, false, CONFIG_FILE_DEFAULT, ""},
	{{"-c", "a"}, true, false, "a", ""},
	{{"-ca"}, true, false, "a", ""},
	{{"--config", "a"}, true, false, "a", ""},
	{{"--config=a"}, true, false, "a", ""},
	{{"-c", "a", "-c", "b"}, true, false, "b", ""},
	{{"-c", "-h"}, true, false, "-h", ""},
	{{"-h"}, true, true, CONFIG_FILE_DEFAULT, ""},
	{{"--help", "-c", "a"}, true, true, "a", ""},
	{{"a"},
         false,
         false,
         CONFIG_FILE_DEFAULT,
         "vtrunkd: \"a\" is not expected here; -c FILE names a configuration\n"},
	{{"-c", "a", "--", "-h"},
         false,
         false,
         "a",
         "vtrunkd: \"-h\" is not expected here; -c FILE names a configuration\n"},
	{{"-x"},
         false,
         false,
         CONFIG_FILE_DEFAULT,
         "vtrunkd: invalid option -- 'x'\nvtrunkd: --help tells what there is\n"},
	{{"-c"},
         false,
         false,
         CONFIG_FILE_DEFAULT,
         "vtrunkd: option requires an argument -- 'c'\nvtrunkd: --help tells what there is\n"},
};

Test(file_option, file_and_help_are_taken_and_nothing_else)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *argv[WORDS_MAX + 2] = {"check"}, said[512];
		const char *file = NULL;
		bool wants_help = !cases[i].wants_help;
		int argc = 1;

		for (; argc <= WORDS_MAX && cases[i].words[argc - 1]; argc++)
			argv[argc] = (char *)cases[i].words[argc - 1];
		stderr_catch();
		bool is_taken = file_option_parse(argc, argv, &file, &wants_help);
		stderr_release(said, sizeof said);
		cr_expect(eq(int, is_taken, cases[i].is_taken), "case %zu", i);
		cr_expect(eq(int, wants_help, cases[i].wants_help), "case %zu", i);
		cr_expect(eq(str, (char *)file, (char *)cases[i].file), "case %zu", i);
		cr_expect(eq(str, said, (char *)cases[i].messages), "case %zu", i);
	}
}
