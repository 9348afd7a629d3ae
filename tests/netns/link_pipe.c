/* SPDX-License-Identifier: MIT */
#include "link_pipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET_BYTES 14
#define NS_PER_MS      1e6
#define NS_PER_S       1e9
#define GOLDEN         0x9e3779b97f4a7c15ull

bool pipe_open(struct link_pipe *pipe, uint64_t seed)
{
	*pipe = (struct link_pipe){.random = seed * GOLDEN | 1};
	pipe->frames = malloc(PIPE_FRAMES_MAX * sizeof *pipe->frames);
	return pipe->frames;
}

void pipe_close(struct link_pipe *pipe)
{
	free(pipe->frames);
	pipe->frames = NULL;
}

/* From 0 to below 1. */
static double chance(struct link_pipe *pipe) /* xorshift64* */
{
	pipe->random ^= pipe->random >> 12;
	pipe->random ^= pipe->random << 25;
	pipe->random ^= pipe->random >> 27;
	return (double)(pipe->random * 0x2545f4914f6cdd1dull >> 11) * 0x1p-53;
}

/* Gilbert's model: bursts in which all is lost begin and end by chance, with each frame. */
static bool is_lost_in_burst(struct link_pipe *pipe)
{
	const struct pipe_settings *set = &pipe->settings;
	double end = 1 / fmax(set->burst_frames, 1);
	double begin = end * set->burst_loss / (1 - set->burst_loss);

	pipe->is_in_burst = pipe->is_in_burst ? chance(pipe) >= end : chance(pipe) < begin;
	return pipe->is_in_burst;
}

static bool is_lost(struct link_pipe *pipe)
{
	bool in_burst = pipe->settings.burst_loss > 0 && is_lost_in_burst(pipe);

	return in_burst || (pipe->settings.loss > 0 && chance(pipe) < pipe->settings.loss);
}

static size_t ip_bytes(size_t frame_size)
{
	return frame_size > ETHERNET_BYTES ? frame_size - ETHERNET_BYTES : 0;
}

/* false: the queue is too long for it. */
static bool is_sent(struct link_pipe *pipe, int64_t now_ns, size_t bytes)
{
	const struct pipe_settings *set = &pipe->settings;

	if (!(set->rate_bps > 0)) {
		pipe->sent_ns = now_ns;
		return true;
	}
	if (pipe->sent_ns < now_ns)
		pipe->sent_ns = now_ns;
	if ((double)(pipe->sent_ns - now_ns) > set->queue_ms * NS_PER_MS)
		return false;
	pipe->sent_ns += (int64_t)((double)bytes * 8 * NS_PER_S / set->rate_bps);
	return true;
}

static void travel(struct link_pipe *pipe, const uint8_t *data, size_t size)
{
	const struct pipe_settings *set = &pipe->settings;
	double way_ns = (set->delay_ms + set->jitter_ms * chance(pipe)) * NS_PER_MS;
	int64_t due_ns = pipe->sent_ns + (int64_t)way_ns;
	struct pipe_frame *frame = &pipe->frames[(pipe->first + pipe->count) % PIPE_FRAMES_MAX];

	if (pipe->due_ns < due_ns)
		pipe->due_ns = due_ns;
	frame->due_ns = pipe->due_ns;
	frame->size = size;
	memcpy(frame->data, data, size);
	pipe->count++;
}

void pipe_enter(struct link_pipe *pipe, int64_t now_ns, const uint8_t *data, size_t size)
{
	pipe->counters.entered++;
	if (pipe->settings.is_blackhole != 0)
		pipe->counters.swallowed++;
	else if (pipe->count == PIPE_FRAMES_MAX || size > PIPE_FRAME_BYTES ||
	         !is_sent(pipe, now_ns, ip_bytes(size)))
		pipe->counters.queue_full++;
	else if (is_lost(pipe))
		pipe->counters.lost++;
	else
		travel(pipe, data, size);
}

double pipe_queue_ms(const struct link_pipe *pipe, int64_t now_ns)
{
	return pipe->sent_ns > now_ns ? (double)(pipe->sent_ns - now_ns) / NS_PER_MS : 0;
}

int64_t pipe_next_ns(const struct link_pipe *pipe)
{
	return pipe->count ? pipe->frames[pipe->first].due_ns : PIPE_NEVER;
}

static struct pipe_frame *take_first(struct link_pipe *pipe)
{
	struct pipe_frame *frame = &pipe->frames[pipe->first];

	pipe->count--;
	pipe->first = pipe->count ? (pipe->first + 1) % PIPE_FRAMES_MAX : 0;
	return frame;
}

const struct pipe_frame *pipe_leave(struct link_pipe *pipe, int64_t now_ns)
{
	while (pipe_next_ns(pipe) <= now_ns) {
		struct pipe_frame *frame = take_first(pipe);

		if (pipe->settings.is_blackhole == 0) {
			pipe->counters.delivered++;
			pipe->counters.delivered_bytes += ip_bytes(frame->size);
			return frame;
		}
		pipe->counters.swallowed++;
	}
	return NULL;
}
