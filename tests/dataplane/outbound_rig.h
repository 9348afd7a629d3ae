/* SPDX-License-Identifier: MIT */
/* outbound_rig.h - one engine whose peer is played by the test, which writes packets to the device
 * and opens what the engine sealed of them.
 */
#ifndef TEST_OUTBOUND_RIG_H
#define TEST_OUTBOUND_RIG_H

#include "engine_rig.h"

enum {
	PATHS = 4, /* of the peer; all lead to a socket of their own */
	HERE = 1,  /* our host number, and from 2 on those of the peers */
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

extern struct rig_end ours;
extern struct dp_peer *peer;
extern struct keypair *kp;
extern int far[PATHS];
extern struct endpoint far_at[PATHS];

/* For the .init and .fini of a suite. All is ready but that nothing runs and that there is no
 * session.
 */
void outbound_setup(void);
void outbound_teardown(void);

void begin_session(bool is_initiator, uint64_t age_ns);
void end_session(void);

/* Packet @seq of a flow; waits for room in the device. */
void write_seq(uint32_t seq);

/* Reads a packet from path @path and expects number @seq; returns its counter. */
uint64_t expect_seq(unsigned path, uint32_t seq);

/* Of whatever is next on @path. */
uint64_t next_counter(unsigned path);

/* Sends a good packet and waits for it: all that was written before has been looked at. */
void flush(void);

/* Packets dropped for @reason, and that so many were and for no other. */
uint64_t drops(enum drop_reason reason);
void expect_only(enum drop_reason reason, uint64_t count);

/* Packets that wait for a session or a path. */
uint64_t staged(void);

/* A frame that has its place in the order of @path, and is not yet done: what comes behind it
 * waits.
 */
struct batch *hold_path(unsigned path);

/* Writes to the device as fast as it takes packets. */
struct flood {
	struct thread thread;
	atomic_bool is_over;
};

void flood_start(struct flood *f);
void flood_stop(struct flood *f);

#endif
