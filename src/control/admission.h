/* SPDX-License-Identifier: MIT */
/* admission.h - control takes in what its gate let pass: so many messages per turn of the loop as
 * its other work allows.
 *
 * What is still to do with such a message - two multiplications on the curve, a session - is done
 * for a peer of ours, or for somebody who has seen one's messages. It takes half a millisecond per
 * turn at most, or one message: probes, timers and people have the next turn. The time is charged
 * to the gate's budget.
 *
 * Control thread.
 */
#ifndef CONTROL_ADMISSION_H
#define CONTROL_ADMISSION_H

#include "control/loop.h"

struct gate;
struct messages;

struct admission {
	struct event_source source;
	struct gate *gate;
	struct messages *messages;
};

/* Takes from now on, in @loop. Returns 0 or a negative errno. */
int admission_init(struct admission *a, struct loop *loop, struct gate *gate,
                   struct messages *messages);

#endif
