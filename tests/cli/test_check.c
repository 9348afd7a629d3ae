/* SPDX-License-Identifier: MIT */
#include "cli/check.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../expect_text.h"
#include "cli/exit.h"
#include "run.h"

#define HEAD "network: {mtu: 1420}\nwireguard:\n"
#define KEYS                                                            \
	"  private_key: oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00=\n" \
	"  peer_public_key: AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q=\n"

static char directory[PATH_MAX];

static void enter(void)
{
	snprintf(directory, sizeof directory, "%s/test-check.XXXXXX",
	         getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	cr_assert(eq(int, chdir(directory), 0));
}

static void leave(void)
{
	unlink("a.yaml");
	unlink("b.yaml");
	rmdir(directory);
}

TestSuite(check, .init = enter, .fini = leave);

static void put(const char *name, const char *text)
{
	FILE *out = fopen(name, "we");

	cr_assert(ne(ptr, out, NULL));
	cr_assert(ge(int, fputs(text, out), 0));
	fclose(out);
	chmod(name, 0600);
}

Test(check, good_file_is_ok)
{
	put("a.yaml", HEAD KEYS "  links: [{}]\n");
	struct run run = RUN("check", "-c", "a.yaml");

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.out, "a.yaml: ok\n");
	EXPECT_TEXT(run.messages, "");
}

Test(check, bad_file_is_wrong_usage_and_its_errors_are_said)
{
	put("a.yaml", HEAD KEYS "  links: [{weight: 0}]\n");
	struct run run = RUN("check", "--config", "a.yaml");

	cr_expect(eq(int, run.status, CLI_USAGE));
	EXPECT_TEXT(run.out, "");
	EXPECT_TEXT(run.messages, "a.yaml:5:20: wireguard.links[0].weight: must be a whole number, "
	                          "1..1000000; this is out of range\n");
}

Test(check, file_given_as_a_word_is_explained)
{
	struct run run = RUN("check", "a.yaml");

	cr_expect(eq(int, run.status, CLI_USAGE));
	EXPECT_TEXT(run.messages,
	            "vtrunkd: \"a.yaml\" is not expected here; -c FILE names a configuration\n");
}

Test(check, help_is_that_of_the_daemon)
{
	struct run run = RUN("check", "--help");

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.out, RUN("help").out);
}

Test(check, unknown_option_is_refused_with_a_hint)
{
	struct run run = RUN("check", "--force");

	cr_expect(eq(int, run.status, CLI_USAGE));
	cr_expect(ne(ptr, strstr(run.messages, "vtrunkd: --help tells what there is\n"), NULL));
}

Test(check, diff_says_what_changes_and_has_a_status_of_its_own)
{
	put("a.yaml", HEAD KEYS "  links: [{name: l, weight: 1}]\n");
	put("b.yaml", HEAD KEYS "  links: [{weight: 2, name: l}] # another\n");
	struct run run = RUN("check", "--diff", "a.yaml", "b.yaml");

	cr_expect(eq(int, run.status, CLI_DIFFER));
	EXPECT_TEXT(run.out, "link l: weight from 1 to 2\n");
	EXPECT_TEXT(run.messages, "");
	run = RUN("check", "--diff", "b.yaml", "b.yaml");
	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.out, "");
}

Test(check, diff_refuses_a_bad_file_on_either_side)
{
	put("a.yaml", HEAD KEYS "  links: [{}]\n");
	put("b.yaml", HEAD KEYS "  links: [{weight: 0}]\n");
	cr_expect(eq(int, RUN("check", "--diff", "a.yaml", "b.yaml").status, CLI_USAGE));
	struct run run = RUN("check", "--diff", "b.yaml", "a.yaml");

	cr_expect(eq(int, run.status, CLI_USAGE));
	EXPECT_TEXT(run.out, "");
	EXPECT_TEXT(run.messages, "b.yaml:5:20: wireguard.links[0].weight: must be a whole number, "
	                          "1..1000000; this is out of range\n");
}

Test(check, diff_takes_two_files_and_nothing_else)
{
	EXPECT_TEXT(RUN("check", "--diff", "a.yaml").messages,
	            "vtrunkd: check: --diff needs two files, OLD and NEW\n");
	EXPECT_TEXT(RUN("check", "--diff", "a.yaml", "b.yaml", "c.yaml").messages,
	            "vtrunkd: check: --diff needs two files, OLD and NEW\n");
	EXPECT_TEXT(RUN("check", "--diff", "-c", "a.yaml", "b.yaml").messages,
	            "vtrunkd: check: --diff takes two files, without -c\n");
}
