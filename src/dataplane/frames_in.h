/* SPDX-License-Identifier: MIT */
/* frames_in.h - what is done with the control frames of an authentic datagram.
 *
 * The newest PROBE that came in a batch is answered at once: the shorter it is held, the truer the
 * round trip. So is the newest of those that find out the path's MTU; they count for nothing else.
 * What it and an ECHO say is kept with the path (signs.h); to a peer that takes and
 * gives reports also with these (feedback.h), as is what a REPORT says. All else, and a PROBE from
 * where no path is, control gets as a notice.
 *
 * All in the emitting role of the peer's `arriving` sequencer, RCU online.
 */
#ifndef DATAPLANE_FRAMES_IN_H
#define DATAPLANE_FRAMES_IN_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/batch.h"
#include "dataplane/self.h"

struct feedback;
struct frame_probe;
struct reorder;

/* Where a datagram came from. */
struct frames_origin {
	const struct batch *b;     /* in which it came: peer, keypair, route and time */
	unsigned path_id;          /* or PATH_NONE */
	uint64_t heard; /* datagrams on that path before it, copies too; 0 where there is none */
	uint64_t came_ns;          /* when the kernel had it */
	struct reorder *reorder;   /* is told the delays of probes; or NULL */
	struct feedback *feedback; /* takes part of what they say; or NULL */
	struct probe_in *whole;    /* the newest PROBE_WHOLE, which is answered for itself; NULL:
	                            * none is
	                            */
};

/* The newest probe of a batch that is to be answered: one, however many came, or the answers to a
 * flood would take all memory of who delivers. All zero: none.
 */
struct probe_in {
	const struct frame_probe *body; /* in the batch; NULL: none */
	uint64_t counter;               /* of its datagram */
	uint64_t heard;                 /* as of its origin */
};

/* Takes a payload of frames. With one bad frame all of it is dropped and counted. A probe on a path
 * that is newer than @newest takes its place.
 */
void frames_in_take(struct dp_thread *self, const struct frames_origin *from,
                    const uint8_t *payload, size_t len, uint64_t counter, struct probe_in *newest);

/* Answers @newest of batch @b, which came over path @path_id: the answer goes to dp_follow(). */
void frames_in_answer(struct dp_thread *self, const struct batch *b, unsigned path_id,
                      const struct probe_in *newest);

/* Passes @len bytes of frames (none: merely the origin) on to control, with the datagram's @counter
 * and what answers to it may weigh together. Dropped and counted when there is no room.
 */
void frames_in_pass_on(struct dp_thread *self, const struct frames_origin *from,
                       const uint8_t *frames, size_t len, uint64_t counter, unsigned answer_bytes);

#endif
