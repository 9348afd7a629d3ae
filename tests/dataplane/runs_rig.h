/* SPDX-License-Identifier: MIT */
/* runs_rig.h - packets placed by hand for a peer that reports what arrives, in an engine of which
 * no thread runs. Far ends are sockets of the test.
 */
#ifndef TEST_RUNS_RIG_H
#define TEST_RUNS_RIG_H

#include "dataplane/runs.h"
#include "engine_rig.h"

enum {
	PATHS = 2,
	LEN = 1400, /* of each packet */
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

extern struct rig_end end;
extern struct dp_peer *peer;
extern struct keypair *kp;
extern struct dp_thread *self; /* a dispatcher, at the time of the test */
extern struct runs runs;
extern int far[PATHS];
extern struct endpoint far_at[PATHS];

/* For the .init and .fini of a suite. There is no session. */
void runs_setup(void);
void runs_teardown(void);

/* A session with lanes. */
void use_key(uint32_t here, uint32_t there);

/* A session over @paths paths, of which nothing is known. */
void begin_unknown(unsigned paths);

/* The same: 100 Mbit/s each, and path 1 is a little longer. */
void begin(unsigned paths);

/* Where the next packet goes, which is read alone and is of @class. */
enum runs_outcome place_as(const struct send_class *class);

/* The same. */
enum runs_outcome place(bool is_urgent);

/* The same of bulk of @flow. */
enum runs_outcome place_of(uint32_t flow);

/* As much bulk as may go now. Returns how many packets. */
unsigned fill(void);

/* Sends what is numbered, and the open run. */
void send_all(void);

/* The next datagram on @path. Returns its length; 0: there is none. */
size_t next_on(unsigned path, uint8_t datagram[static RIG_DATAGRAM]);

#endif
