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

#include "cli/exit.h"
#include "run.h"

#define EXPECT_TEXT(got, wanted) cr_expect(eq(str, (char *)(got), (char *)(wanted)))

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
