/* SPDX-License-Identifier: MIT */
#include "cli/usage.h"

#include "cli/exit.h"
#include "config/load.h"
#include "stderr_rig.h"
#include "vtrunkd/ctl.h"

static char text[4096];

static void print(void)
{
	FILE *out = tmpfile();
	int old = stream_to(stdout, fileno(out));
	int status = usage_print();

	stream_back(stdout, old);
	file_text(out, text, sizeof text);
	fclose(out);
	cr_assert(eq(int, status, CLI_OK));
}

Test(usage, lines_are_no_longer_than_those_of_the_sources)
{
	size_t len;

	print();
	cr_expect(zero(int, strncmp(text, "Usage: vtrunkd ", strlen("Usage: vtrunkd "))));
	cr_expect(eq(int, text[strlen(text) - 1], '\n'));
	for (const char *line = text; *line; line += len + 1) {
		len = strcspn(line, "\n");
		cr_expect(le(sz, len, 100), "%.*s", (int)len, line);
		cr_expect(not(len && line[len - 1] == ' '), "%.*s", (int)len, line);
	}
}

Test(usage, defaults_and_statuses_are_those_of_the_program)
{
	static const struct {
		int status;
		const char *meaning;
	} statuses[] = {
		{CLI_OK, "success"},
		{CLI_USAGE, "wrong usage or configuration"},
		{CLI_FAILED, "the system refused something"},
		{CLI_DIFFER, "configurations differ"},
	};

	print();
	cr_expect(ne(ptr, strstr(text, "default: " CONFIG_FILE_DEFAULT "\n"), NULL));
	cr_expect(ne(ptr, strstr(text, "default: " CTL_DIRECTORY "\n"), NULL));
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		char wanted[64];

		snprintf(wanted, sizeof wanted, "%d %s", statuses[i].status, statuses[i].meaning);
		const char *at = strstr(text, wanted);
		cr_expect(at && (at[-1] == ' ' || at[-1] == '\n'), "%s", wanted);
	}
}

Test(usage, hint_leads_to_it)
{
	cr_expect(ne(ptr, strstr(usage_hint, "--help"), NULL));
	cr_expect(eq(int, usage_hint[strlen(usage_hint) - 1], '\n'));
}
