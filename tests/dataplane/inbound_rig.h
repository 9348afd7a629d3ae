/* SPDX-License-Identifier: MIT */
/* inbound_rig.h - one engine that runs, and one bonded peer, played by the test, which seals what
 * it sends: IP packets and frames.
 */
#ifndef TEST_INBOUND_RIG_H
#define TEST_INBOUND_RIG_H

#include "engine_rig.h"

enum {
	LINKS = 2,
	HERE = 1, /* our host number, and from 2 on those of the peers */
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

extern struct rig_end ours;
extern struct dp_peer *peer;
extern struct keypair *kp;
extern int far[LINKS]; /* path i leads from link i to far[i] */
extern struct endpoint far_at[LINKS], here[LINKS];

/* For the .init and .fini of a suite; with two workers, or @workers. */
void inbound_setup(void);
void inbound_open(unsigned workers);
void inbound_teardown(void);

/* Over path @path, under the peer's keypair. */
void send_payload(unsigned path, uint64_t counter, const void *payload, size_t len);

/* Packet @seq of a flow, and that it is the next one delivered. */
void send_seq(unsigned path, uint64_t counter, uint32_t seq);
void expect_seq(uint32_t seq);

/* Sends a good packet over path 0 and waits for it: what came before it there has been dealt with,
 * and none of it was delivered.
 */
void flush(void);

/* Packets dropped for @reason, and that so many were and for no other. */
uint64_t drops(enum drop_reason reason);
void expect_only(enum drop_reason reason, uint64_t count);

void expect_no_notice(void);

/* ---- frames ---- */

/* Write one frame to @payload; its length. The path of the probe is 3, as the peer counts them. */
size_t probe_frame(uint8_t payload[static 64], uint16_t seq);
size_t hello_frame(uint8_t payload[static 64]);

/* Of datagram @seq in the peer's lane for its path @path. */
uint64_t control_counter(unsigned path, uint64_t seq);

/* Frames are padded like everything else: an answer is no longer than what it answers. */
void send_frames(unsigned path, uint64_t counter, uint8_t payload[static 64], size_t len);

/* ECHO about path @about; time and hold time make no sense, so its round trip is none. */
void send_answer(unsigned path, uint64_t seq, unsigned about, uint16_t number);

/* The next datagram of path @path answers probe @seq. */
void expect_echo(unsigned path, uint16_t seq);

/* Takes all notices there are; how many. */
unsigned free_notices(void);

#endif
