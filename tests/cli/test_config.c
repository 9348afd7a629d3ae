/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../expect_text.h"
#include "cli/exit.h"
#include "run.h"

#define EXPECT_HOLDS(text, part) \
	cr_expect(ne(ptr, strstr((text), (part)), NULL), "no %s in %s", (part), (text))

#define PEER_KEY "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="

static char directory[PATH_MAX];

static void enter(void)
{
	snprintf(directory, sizeof directory, "%s/test-config.XXXXXX",
	         getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	cr_assert(eq(int, chdir(directory), 0));
}

static void leave(void)
{
	unlink("a.yaml");
	rmdir(directory);
}

TestSuite(cli_config, .init = enter, .fini = leave);

static void expect_refusal(struct run run, const char *messages)
{
	cr_expect(eq(int, run.status, CLI_USAGE));
	EXPECT_TEXT(run.out, "");
	EXPECT_TEXT(run.messages, messages);
}

Test(cli_config, options_that_do_not_fit_each_other_are_refused)
{
	expect_refusal(RUN("config"),
	               "vtrunkd: config: --output FILE is needed, \"-\" for standard output\n");
	expect_refusal(RUN("config", "--output", "a.yaml", "--peer-key", PEER_KEY),
	               "vtrunkd: config: --peer-key needs --client or --gateway\n");
	expect_refusal(RUN("config", "--output", "a.yaml", "--gateway", "--endpoint", "h:1"),
	               "vtrunkd: config: --endpoint needs --client: a gateway waits to be "
	               "contacted\n");
	expect_refusal(RUN("config", "--output", "a.yaml", "--client", "--endpoint", "h"),
	               "vtrunkd: config: --endpoint must be HOST:PORT, IP:PORT or [IPv6]:PORT\n");
	expect_refusal(RUN("config", "--output", "a.yaml", "surplus"),
	               "vtrunkd: \"surplus\" is not expected here\n");
	cr_expect(eq(int, access("a.yaml", F_OK), -1), "nothing was written");
}

Test(cli_config, file_is_written_once_and_what_to_do_next_is_said)
{
	struct run run = RUN("config", "--output", "a.yaml", "--gateway", "--peer-key", PEER_KEY);

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.messages, "");
	EXPECT_HOLDS(run.out, "Our public key: ");
	EXPECT_HOLDS(run.out, "At the client: vtrunkd config --client --peer-key ");
	cr_expect(eq(int, RUN("check", "-c", "a.yaml").status, CLI_OK));

	expect_refusal(RUN("config", "--output", "a.yaml"),
	               "vtrunkd: cannot write a.yaml: File exists; --force replaces it\n");
	cr_expect(eq(int, RUN("config", "--output", "a.yaml", "--force").status, CLI_OK));
}

Test(cli_config, file_on_standard_output_leaves_the_key_to_standard_error)
{
	struct run run = RUN("config", "--output", "-", "--client");

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_HOLDS(run.out, "wireguard:\n");
	cr_expect(zero(int, strncmp(run.out, "# Configuration of vtrunkd", 26)));
	EXPECT_HOLDS(run.messages, "Our public key: ");
}

Test(cli_config, place_that_cannot_be_written_is_a_failure)
{
	struct run run = RUN("config", "--output", "no-such-directory/a.yaml");

	cr_expect(eq(int, run.status, CLI_FAILED));
	EXPECT_TEXT(run.messages, "vtrunkd: cannot write no-such-directory/a.yaml: No such file or "
	                          "directory\n");
}
