/* SPDX-License-Identifier: MIT */
/* routing_loop.h - when to say that datagrams of our own come back through the TUN device.
 *
 * The data plane drops and counts them (dataplane/loop_guard.h). Nobody looks at counters, so it is
 * said, at once and then rarely for as long as it goes on. One thread (control).
 */
#ifndef CONTROL_ROUTING_LOOP_H
#define CONTROL_ROUTING_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTING_LOOP_AGAIN_S 60u /* between two lines about one that lasts */

/* All zero: nothing has come back yet. */
struct routing_loop {
	uint64_t told;    /* drops when it was said last */
	uint64_t told_ns; /* when that was; 0 never */
};

/* @drops came back since the start. True when it is to be said now; @ret_new is how many there were
 * since it was said last.
 */
bool routing_loop_note(struct routing_loop *loop, uint64_t drops, uint64_t now_ns,
                       uint64_t *ret_new);

#endif
