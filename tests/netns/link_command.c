/* SPDX-License-Identifier: MIT */
#include "link_command.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const directions[] = {"up", "down", "both"};

/* Where @key is kept, and the greatest value it may have; NULL: there is no such key. */
static double *setting(struct pipe_settings *settings, const char *key, double *most)
{
	const struct {
		const char *key;
		double *value, most;
	} known[] = {
		{"rate", &settings->rate_bps, 1e12},
		{"queue", &settings->queue_ms, 1e6},
		{"delay", &settings->delay_ms, 1e6},
		{"jitter", &settings->jitter_ms, 1e6},
		{"loss", &settings->loss, 1},
		{"burst_loss", &settings->burst_loss, 0.99},
		{"burst", &settings->burst_frames, 1e6},
		{"blackhole", &settings->is_blackhole, 1},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!strcmp(known[i].key, key)) {
			*most = known[i].most;
			return known[i].value;
		}
	}
	return NULL;
}

/* Cuts @word at its '='. */
static bool set_one(struct pipe_settings *settings, char *word)
{
	char *text = strchr(word, '='), *end;
	double most, value, *place;

	if (!text)
		return false;
	*text++ = '\0';
	place = setting(settings, word, &most);
	value = strtod(text, &end);
	if (!place || end == text || *end || !(value >= 0 && value <= most))
		return false;
	*place = value;
	return true;
}

static void write_counters(const struct link_pipe *pipes, int64_t now_ns,
                           char answer[LINK_ANSWER_BYTES])
{
	size_t length = 0;

	for (int i = 0; i < LINK_DIRECTIONS; i++) {
		const struct pipe_counters *c = &pipes[i].counters;

		length += (size_t)snprintf(
			answer + length, LINK_ANSWER_BYTES - length,
			"%s\"%s\": {\"entered\": %" PRIu64 ", \"delivered\": %" PRIu64
			", \"queue_full\": %" PRIu64 ", \"lost\": %" PRIu64
			", \"swallowed\": %" PRIu64 ", \"on_the_way\": %" PRIu32
			", \"delivered_bytes\": %" PRIu64 ", \"queue_ms\": %.3f}%s",
			i ? ", " : "{", directions[i], c->entered, c->delivered, c->queue_full,
			c->lost, c->swallowed, pipes[i].count, c->delivered_bytes,
			pipe_queue_ms(&pipes[i], now_ns), i ? "}" : "");
	}
}

/* Which of `directions`; -1: none. */
static int find_direction(const char *word)
{
	for (int i = 0; word && i <= LINK_DIRECTIONS; i++) {
		if (!strcmp(word, directions[i]))
			return i;
	}
	return -1;
}

static void set_words(struct link_pipe *pipes, int direction, char **rest,
                      char answer[LINK_ANSWER_BYTES])
{
	struct pipe_settings now[LINK_DIRECTIONS] = {pipes[LINK_UP].settings,
	                                             pipes[LINK_DOWN].settings};
	char *word;

	while ((word = strtok_r(NULL, " \n", rest))) {
		char twice[64];

		snprintf(twice, sizeof twice, "%s", word);
		if ((direction != LINK_DOWN && !set_one(&now[LINK_UP], word)) ||
		    (direction != LINK_UP && !set_one(&now[LINK_DOWN], twice))) {
			snprintf(answer, LINK_ANSWER_BYTES, "no such setting: %s", word);
			return;
		}
	}
	pipes[LINK_UP].settings = now[LINK_UP];
	pipes[LINK_DOWN].settings = now[LINK_DOWN];
	snprintf(answer, LINK_ANSWER_BYTES, "ok");
}

void link_command(struct link_pipe pipes[LINK_DIRECTIONS], int64_t now_ns, char *line,
                  char answer[LINK_ANSWER_BYTES])
{
	char *rest, *word = strtok_r(line, " \n", &rest);
	int direction = find_direction(word);

	if (direction >= 0)
		set_words(pipes, direction, &rest, answer);
	else if (word && !strcmp(word, "counters"))
		write_counters(pipes, now_ns, answer);
	else
		snprintf(answer, LINK_ANSWER_BYTES, "no such command: %s", word ? word : "");
}
