/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../expect_text.h"
#include "cli/exit.h"
#include "run.h"

static void expect_refusal(const char *word, const char *message)
{
	struct run run = RUN(word);

	cr_expect(eq(int, run.status, CLI_USAGE), "%s", word);
	EXPECT_TEXT(run.out, "");
	EXPECT_TEXT(run.messages, message);
}

Test(cli, word_that_is_no_subcommand_is_answered_with_the_nearest)
{
	expect_refusal("genkeys", "vtrunkd: no subcommand \"genkeys\"; did you mean \"genkey\"? "
	                          "--help tells what there is\n");
	expect_refusal("chek", "vtrunkd: no subcommand \"chek\"; did you mean \"check\"? "
	                       "--help tells what there is\n");
	expect_refusal("quux", "vtrunkd: no subcommand \"quux\"; --help tells what there is\n");
}

Test(cli, file_given_as_a_word_is_explained)
{
	expect_refusal("vt.yaml",
	               "vtrunkd: no subcommand \"vt.yaml\"; -c FILE names a configuration\n");
}

Test(cli, help_names_every_subcommand)
{
	static const char *const names[] = {"check",  "config", "status", "show",
	                                    "pubkey", "genkey", "genpsk", "help"};
	struct run run = RUN("help");

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.messages, "");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct run with_option = RUN(names[i], "--no-such-option");

		cr_expect(ne(ptr, strstr(run.out, names[i]), NULL), "%s", names[i]);
		cr_expect(eq(ptr, strstr(with_option.messages, "no subcommand"), NULL), "%s",
		          names[i]);
	}
}
