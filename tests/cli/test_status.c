/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exit.h"
#include "fake_daemon.h"
#include "status_sample.h"

/* The subcommand as a whole, with its standard output as *@ret_out, in memory the caller frees. */
static int run_status(struct fake_daemon *d, char *option, char **ret_out)
{
	char *argv[] = {(char *)"status", (char *)"--socket", d->path, option, NULL};
	size_t len;
	int status;
	char *text = calloc(1, 65536);

	cr_redirect_stdout();
	status = cli_main(option ? 4 : 3, argv);
	fflush(stdout);
	close(STDOUT_FILENO);
	len = fread(text, 1, 65535, cr_get_redirected_stdout());
	text[len] = '\0';
	*ret_out = text;
	return status;
}

Test(status, subcommand_prints_text_by_default)
{
	struct fake_daemon d = {0};
	char *reply, *out;

	cr_assert(ge(int, asprintf(&reply, "{\"ok\":true,\"status\":%s}\n", status_json), 0));
	fake_start(&d, reply);
	cr_expect(eq(int, run_status(&d, NULL, &out), CLI_OK));
	fake_finish(&d);
	cr_expect(eq(int, strncmp(out, status_text, 200), 0), "%s", out);
	free(reply);
	free(out);
}

Test(status, subcommand_prints_the_object_unchanged_as_json)
{
	struct fake_daemon d = {0};
	char *reply, *out;

	cr_assert(ge(int, asprintf(&reply, "{\"ok\":true,\"status\":%s}\n", status_json), 0));
	fake_start(&d, reply);
	cr_expect(eq(int, run_status(&d, (char *)"--json", &out), CLI_OK));
	fake_finish(&d);

	json_t *want = json_loads(status_json, 0, NULL), *got = json_loads(out, 0, NULL);

	cr_expect(json_equal(want, got) != 0, "%s", out);
	json_decref(want);
	json_decref(got);
	free(reply);
	free(out);
}

Test(status, reply_without_a_status_is_a_failure)
{
	struct fake_daemon d = {0};
	char *out;

	cr_redirect_stderr();
	fake_start(&d, "{\"ok\":true}\n");
	cr_expect(eq(int, run_status(&d, NULL, &out), CLI_FAILED));
	fake_finish(&d);
	EXPECT_TEXT(out, "");
	free(out);
}

static int run_words(char *second, char *third)
{
	char *argv[] = {(char *)"status", second, third, NULL};

	return cli_main(third ? 3 : 2, argv);
}

static int run_show(char *second, char *third)
{
	char *argv[] = {(char *)"show", second, third, NULL};

	return cli_main(third ? 3 : second ? 2 : 1, argv);
}

/* As with `wg show vt0`: no daemon is a failure, wrong use is another. */
Test(status, show_is_status_with_the_interface_as_a_word)
{
	cr_redirect_stderr();
	cr_redirect_stdout();
	cr_expect(eq(int, run_show((char *)"--help", NULL), CLI_OK));
	cr_expect(eq(int, run_show((char *)"vt-not-there", NULL), CLI_FAILED));
	cr_expect(eq(int, run_show((char *)"-i", (char *)"vt-not-there"), CLI_FAILED));
	cr_expect(eq(int, run_show((char *)"vt0", (char *)"vt1"), CLI_USAGE));
	cr_expect(eq(int, run_show((char *)"../vt0", NULL), CLI_USAGE));
}

Test(status, wrong_use_is_told_from_an_absent_daemon)
{
	cr_redirect_stderr();
	cr_redirect_stdout();
	cr_expect(eq(int, run_words((char *)"--help", NULL), CLI_OK));
	cr_expect(eq(int, run_words((char *)"--jsonx", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"vt0", NULL), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"../vt0"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"sixteen-letters-"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"-i", (char *)"vt-not-there"), CLI_FAILED));
}
