/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include "cli/exit.h"
#include "stderr_rig.h"

Test(output, text_follows_what_was_held_back)
{
	char printed[64], said[64];
	FILE *out = tmpfile();
	int old = stream_to(stdout, fileno(out));

	stderr_catch();
	fputs("before, ", stdout);
	int status = output_print("after %s\n");

	file_text(out, printed, sizeof printed); /* nothing is held back any more */
	stream_back(stdout, old);
	stderr_release(said, sizeof said);
	fclose(out);
	cr_expect(eq(int, status, CLI_OK));
	cr_expect(eq(str, printed, (char *)"before, after %s\n"));
	cr_expect(eq(str, said, (char *)""));
}

/* As of a disk that is full: the failure comes when stdio lets go of the text. */
Test(output, what_cannot_be_written_is_a_failure)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char said[128];

	if (full < 0)
		cr_skip("no /dev/full");
	int old = stream_to(stdout, full);

	stderr_catch();
	int status = output_print("text\n");
	stderr_release(said, sizeof said);
	stream_back(stdout, old);
	close(full);
	cr_expect(eq(int, status, CLI_FAILED));
	cr_expect(eq(str, said,
	             (char *)"vtrunkd: cannot write to standard output: No space left on "
	                     "device\n"));
}
