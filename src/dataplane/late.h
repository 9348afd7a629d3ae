/* SPDX-License-Identifier: MIT */
/* late.h - frames and keepalives: batches of one datagram that are sealed at the moment they leave.
 *
 * What a PROBE or ECHO says of times and counts is true only then. Frames have a lane for each
 * path, in whose order they leave: they are numbered then as well. In the lanes of data they get a
 * number and a place in the order from the peer's outflow, before, as any other packet there.
 */
#ifndef DATAPLANE_LATE_H
#define DATAPLANE_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/batch.h"
#include "dataplane/self.h"

struct dp_peer;
struct keypair;

/* A batch from @self's pool with a copy of @payload (@len bytes, 0: a keepalive) for path @path_id
 * of @peer, in @lane of @kp. In a lane of frames it has entered the path's order and is to be run
 * or submitted; in one of data it is to be put into the peer's outflow. With @remote not NULL it
 * goes there, rather than where the path leads. @time_ns: for an ECHO, when the probe came. NULL,
 * counted, without memory or when peer or keypair are going.
 */
struct batch *late_make(struct dp_thread *self, struct dp_peer *peer, struct keypair *kp,
                        unsigned path_id, unsigned lane, const void *payload, size_t len,
                        const struct route *remote, uint64_t time_ns);

/* Whether @payload is a probe that finds out whether its length passes (PROBE_WHOLE). */
bool late_is_whole(const void *payload, size_t len);

/* Frames are, those in the lanes of data have their number before. */
static inline bool late_is_numbered_at_last(unsigned lane)
{
	return lane >= LANE_CONTROL;
}

/* Numbers, stamps and seals it; it leaves now. False, counted, when the key is too old or the
 * lane's counters are used up. Whoever emits on the path.
 */
bool late_seal(struct dp_thread *self, struct batch *b, uint64_t now_ns);

#endif
