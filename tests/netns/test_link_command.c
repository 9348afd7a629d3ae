/* SPDX-License-Identifier: MIT */
#include "link_command.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW_NS 5000000

static struct link_pipe pipes[LINK_DIRECTIONS];
static char answer[LINK_ANSWER_BYTES];

static const char *command(const char *text)
{
	char line[256];

	snprintf(line, sizeof line, "%s", text);
	link_command(pipes, NOW_NS, line, answer);
	return answer;
}

Test(link_command, sets_one_direction)
{
	cr_expect(eq(str, (char *)command("up rate=20e6 queue=50 delay=10.5 jitter=2"), "ok"));
	cr_expect(eq(dbl, pipes[LINK_UP].settings.rate_bps, 20e6));
	cr_expect(eq(dbl, pipes[LINK_UP].settings.queue_ms, 50));
	cr_expect(eq(dbl, pipes[LINK_UP].settings.delay_ms, 10.5));
	cr_expect(eq(dbl, pipes[LINK_UP].settings.jitter_ms, 2));
	cr_expect(eq(dbl, pipes[LINK_DOWN].settings.rate_bps, 0));
	cr_expect(eq(str, (char *)command("down loss=0.01 burst_loss=0.02 burst=8\n"), "ok"));
	cr_expect(eq(dbl, pipes[LINK_DOWN].settings.loss, 0.01));
	cr_expect(eq(dbl, pipes[LINK_DOWN].settings.burst_loss, 0.02));
	cr_expect(eq(dbl, pipes[LINK_DOWN].settings.burst_frames, 8));
	cr_expect(eq(dbl, pipes[LINK_UP].settings.loss, 0));
}

Test(link_command, sets_both_directions_and_leaves_the_rest)
{
	command("both rate=1e6");
	cr_expect(eq(str, (char *)command("both blackhole=1"), "ok"));
	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		cr_expect(eq(dbl, pipes[i].settings.rate_bps, 1e6));
		cr_expect(eq(dbl, pipes[i].settings.is_blackhole, 1));
	}
}

Test(link_command, a_wrong_setting_changes_nothing)
{
	const char *const wrong[] = {"rat=1",   "rate",      "rate=",    "rate=x",      "rate=1x",
	                             "rate=-1", "loss=1.01", "loss=nan", "burst_loss=1"};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char line[64];

		snprintf(line, sizeof line, "both delay=7 %s", wrong[i]);
		cr_expect(eq(int, strncmp(command(line), "no such setting: ", 17), 0), "%s",
		          wrong[i]);
		cr_expect(eq(dbl, pipes[LINK_UP].settings.delay_ms, 0), "%s", wrong[i]);
	}
}

Test(link_command, refuses_what_is_no_command)
{
	cr_expect(eq(str, (char *)command("sideways loss=1"), "no such command: sideways"));
	cr_expect(eq(str, (char *)command(""), "no such command: "));
}

Test(link_command, tells_the_counters)
{
	pipes[LINK_UP].counters = (struct pipe_counters){
		.entered = 9, .delivered = 1, .queue_full = 2, .lost = 3, .delivered_bytes = 1500};
	pipes[LINK_DOWN].counters.swallowed = 4;
	pipes[LINK_DOWN].count = 5;
	pipes[LINK_DOWN].sent_ns = NOW_NS + 2500000;
	cr_expect(eq(str, (char *)command("counters"),
	             "{\"up\": {\"entered\": 9, \"delivered\": 1, \"queue_full\": 2, \"lost\": 3, "
	             "\"swallowed\": 0, \"on_the_way\": 0, \"delivered_bytes\": 1500, "
	             "\"queue_ms\": 0.000}, "
	             "\"down\": {\"entered\": 0, \"delivered\": 0, \"queue_full\": 0, \"lost\": 0, "
	             "\"swallowed\": 4, \"on_the_way\": 5, \"delivered_bytes\": 0, "
	             "\"queue_ms\": 2.500}}"));
}
