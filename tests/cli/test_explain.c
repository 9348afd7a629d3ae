/* SPDX-License-Identifier: MIT */
#include "cli/explain.h"

#include <jansson.h>
#include <stdlib.h>

#include "cli/exit.h"
#include "fake_daemon.h"
#include "run.h"
#include "status_sample.h"

static struct run run;

/* `vtrunkd explain` with these words, of a daemon that says status_json. */
static void explain(const char *first, const char *second)
{
	struct fake_daemon d = {0};
	char *reply;

	cr_assert(ge(int, asprintf(&reply, "{\"ok\":true,\"status\":%s}\n", status_json), 0));
	fake_start(&d, reply);
	run = RUN("explain", "--socket", d.path, first, second);
	fake_finish(&d);
	free(reply);
}

static bool says(const char *what)
{
	return strstr(run.out, what);
}

Test(explain, all_peers_are_explained)
{
	explain(NULL, NULL);
	cr_expect(eq(int, run.status, CLI_OK));
	cr_expect(says("peer: office\n"));
	cr_expect(says("peer: peer-2\n"));
}

Test(explain, peer_can_be_named)
{
	explain("office", NULL);
	cr_expect(eq(int, run.status, CLI_OK));
	cr_expect(says("peer: office\n"));
	cr_expect(not(says("peer-2")));
}

Test(explain, name_that_nobody_has_is_answered_with_those_there_are)
{
	explain("offices", NULL);
	cr_expect(eq(int, run.status, CLI_USAGE));
	cr_expect(eq(str, run.messages,
	             "vtrunkd: no peer is called \"offices\"; there are: office, peer-2\n"));
	cr_expect(eq(str, run.out, ""));
}

Test(explain, programs_get_the_peers_as_the_status_has_them)
{
	json_t *got, *status = json_loads(status_json, 0, NULL);

	explain("--json", "office");
	cr_expect(eq(int, run.status, CLI_OK));
	got = json_loads(run.out, 0, NULL);
	cr_assert(eq(sz, json_array_size(got), 1));
	cr_expect(json_equal(json_array_get(got, 0),
	                     json_array_get(json_object_get(status, "peers"), 0)));
	json_decref(got);
	json_decref(status);
}

Test(explain, help_and_wrong_use_are_told_apart)
{
	run = RUN("explain", "--help");
	cr_expect(eq(int, run.status, CLI_OK));
	cr_expect(says("Usage: vtrunkd explain [NAME]"));
	run = RUN("explain", "office", "home");
	cr_expect(eq(int, run.status, CLI_USAGE));
	cr_expect(ne(ptr, strstr(run.messages, "explain: 'home' is not expected"), NULL));
}
