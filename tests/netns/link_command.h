/* SPDX-License-Identifier: MIT */
/* link_command.h - what an emulated link is told while it runs, and what it answers.
 *
 *   up|down|both KEY=VALUE...    settings of that direction; the answer is "ok", or what is wrong
 *                                with the command, of which nothing is done then
 *   counters                     as JSON, {"up": {"entered": 1, ...}, "down": {...}}, and in them
 *                                what the queue is at @now_ns
 *
 * KEY is rate (bit/s), queue, delay, jitter (ms), loss, burst_loss (0 to 1), burst (frames),
 * blackhole (0 or 1). What is not named stays as it is. No thread, no clock.
 */
#ifndef NETNS_LINK_COMMAND_H
#define NETNS_LINK_COMMAND_H

#include "link_pipe.h"

#define LINK_ANSWER_BYTES 1024

enum {
	LINK_UP,
	LINK_DOWN,
	LINK_DIRECTIONS
};

/* Does what @line says and writes the answer. @line is changed. */
void link_command(struct link_pipe pipes[LINK_DIRECTIONS], int64_t now_ns, char *line,
                  char answer[LINK_ANSWER_BYTES]);

#endif
