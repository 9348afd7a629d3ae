/* SPDX-License-Identifier: MIT */
#include "cli/explain_text.h"

#include <string.h>

#include "status_sample.h"
#include "stderr_rig.h"

static char text[8192];

static void print(json_t *peers)
{
	FILE *out = tmpfile();

	explain_print(out, peers);
	fflush(out);
	file_text(out, text, sizeof text);
	fclose(out);
}

Test(explain_text, figures_and_a_sentence_for_each_path)
{
	json_t *status = json_loads(status_json, 0, NULL);

	print(json_object_get(status, "peers"));
	cr_expect(eq(
		str, text,
		"peer: office\n"
		"  mode: aggregate, bonding: bonded\n"
		"  path 0, dsl to 198.51.100.7:51820:\n"
		"    out: 85.30 Mbit/s, share 99.9 %, capacity 30.10 Mbit/s, round trip 12.3 ms,\n"
		"    queue 4.0 ms, loss 1.0 %\n"
		"    in: 999 bit/s, loss 1.3 %\n"
		"    carried 99.9 %: it is the quickest, and was full for 0.9 s of the last one\n"
		"  path 1, lte to 198.51.100.7:51820:\n"
		"    out: 0 bit/s, share -, capacity -, round trip -, queue -, loss -\n"
		"    in: 0 bit/s, loss -\n"
		"    -\n"
		"  What comes in goes by what the peer has learned: vtrunkd explain there tells\n"
		"  its capacities and reasons.\n"
		"\n"
		"peer: peer-2\n"
		"  mode: failover, bonding: unknown\n"
		"  no path leads to it yet\n"));
	json_decref(status);
}

Test(explain_text, no_line_is_longer_than_a_terminal)
{
	json_t *status = json_loads(status_json, 0, NULL);
	size_t len;

	print(json_object_get(status, "peers"));
	for (const char *line = text; *line; line += len + 1) {
		len = strcspn(line, "\n");
		cr_expect(le(sz, len, 80), "%.*s", (int)len, line);
	}
	json_decref(status);
}

Test(explain_text, peers_that_are_missing_are_none)
{
	print(NULL);
	cr_expect(eq(str, text, "no peers\n"));
}
