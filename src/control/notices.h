/* SPDX-License-Identifier: MIT */
/* notices.h - what the data plane tells control, taken in the control loop: peers with news, frames
 * that came in, the end of the TUN device.
 *
 * A bounded number per turn, so that handshakes and deadlines get their turn however much there is.
 * Control thread.
 */
#ifndef CONTROL_NOTICES_H
#define CONTROL_NOTICES_H

#include "control/loop.h"

struct engine;

struct notices {
	/* The owner's, before notices_init(). */
	struct engine *engine;
	void (*tun_gone)(void *arg, int error); /* a positive errno; with each take */
	void *arg;

	struct event_source source; /* the engine's */
};

/* Takes what there is from now on, in turns of @loop, as the engine says that there is something.
 * Returns 0 or a negative errno.
 */
int notices_init(struct notices *notices, struct loop *loop);

/* Takes what there is now; nothing once the TUN device is gone. */
void notices_take(struct notices *notices, uint64_t now_ns);

#endif
