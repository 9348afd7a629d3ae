/* SPDX-License-Identifier: MIT */
/* link_pipe.h - one direction of an emulated link: what becomes of a frame, and when it arrives.
 *
 * A frame waits in a queue until the frames before it are sent, is sent at the rate of the link,
 * may be lost then (so that it has used the link all the same), and is on its way for the delay and
 * some jitter. Order is kept. What would wait longer than the queue is long is dropped when it
 * comes.
 *
 * No clock, no file descriptor: time is an argument (nanoseconds, never running backwards), chance
 * follows from the seed. Memory is taken once and bounded: PIPE_FRAMES_MAX frames of
 * PIPE_FRAME_BYTES are on their way at most, and what comes beyond counts as too long a queue.
 */
#ifndef NETNS_LINK_PIPE_H
#define NETNS_LINK_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_FRAMES_MAX  8192u
#define PIPE_FRAME_BYTES 2032u
#define PIPE_NEVER       INT64_MAX

/* All zero: everything arrives at once. May be changed at any time; frames that are in the queue or
 * on their way keep the time of their arrival.
 */
struct pipe_settings {
	double rate_bps; /* of IP bytes; 0: without limit */
	double queue_ms; /* of waiting for the rate */
	double delay_ms;
	double jitter_ms;    /* up to so much more, each amount as likely */
	double loss;         /* of single frames, each by itself: 0 to 1 */
	double burst_loss;   /* of frames in bursts: below 1 */
	double burst_frames; /* mean length of a burst; below 1 counts as 1 */
	double is_blackhole; /* not 0: nothing comes out, neither what was on its way */
};

struct pipe_counters {
	uint64_t entered, delivered;
	uint64_t delivered_bytes; /* of IP */
	uint64_t queue_full; /* dropped in front of the link */
	uint64_t lost;       /* on it */
	uint64_t swallowed;  /* by the blackhole */
};

struct pipe_frame {
	int64_t due_ns;
	size_t size;
	uint8_t data[PIPE_FRAME_BYTES];
};

struct link_pipe {
	struct pipe_settings settings;
	struct pipe_counters counters;
	uint64_t random;
	bool is_in_burst;
	int64_t sent_ns, due_ns;   /* of the newest frame: end of sending, arrival */
	struct pipe_frame *frames; /* a ring */
	uint32_t first, count;
};

/* false without memory. @seed: any number. */
bool pipe_open(struct link_pipe *pipe, uint64_t seed);
void pipe_close(struct link_pipe *pipe);

/* A frame of Ethernet with its header comes to the link. */
void pipe_enter(struct link_pipe *pipe, int64_t now_ns, const uint8_t *data, size_t size);

/* How long a frame that came now would wait for the rate. */
double pipe_queue_ms(const struct link_pipe *pipe, int64_t now_ns);

/* When the next frame is due, or PIPE_NEVER. */
int64_t pipe_next_ns(const struct link_pipe *pipe);

/* The next frame that has arrived, or NULL. It is readable until the next pipe_enter(). */
const struct pipe_frame *pipe_leave(struct link_pipe *pipe, int64_t now_ns);

#endif
