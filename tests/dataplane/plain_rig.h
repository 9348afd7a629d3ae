/* SPDX-License-Identifier: MIT */
/* plain_rig.h - one engine with two links and a plain peer, played by the test, which sends
 * numbered packets to either link and takes what is delivered. What the engine sends leaves by
 * link 0.
 */
#ifndef TEST_PLAIN_RIG_H
#define TEST_PLAIN_RIG_H

#include "engine_rig.h"

enum {
	LINKS = 2,
	HERE = 1,
	THERE = 2,
	PACKET = 96, /* a multiple of 16: unpadded */
};

extern struct plain_rig {
	struct rig_end end;
	struct dp_peer *peer;
	struct keypair *kp;
	int far;
	struct endpoint far_at;
	uint32_t sent, taken; /* numbers of the next packets */
} plain;

/* For the .init and .fini of a suite. The engine does not run yet. */
void plain_open(unsigned workers, unsigned busy_poll_us);
void plain_close(void);

struct link *plain_link(unsigned i);

/* The next packet, to the address of @link. */
void plain_send(const struct link *link);

/* The next one that was sent is the next one delivered; waits for it. */
void plain_take(void);

#endif
