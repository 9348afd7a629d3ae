/* SPDX-License-Identifier: MIT */
/* notices.h - what the data plane tells control, taken in the control loop: peers with news, frames
 * that came in, the end of the TUN device.
 *
 * A bounded number per turn, so that handshakes and deadlines get their turn however much there is.
 * Control thread.
 */
#ifndef CONTROL_NOTICES_H
#define CONTROL_NOTICES_H

#include <stdint.h>

struct control;

/* Takes what there is from now on, as the engine says that there is something. Returns 0 or a
 * negative errno.
 */
int notices_init(struct control *control);

/* Takes what there is now. */
void notices_take(struct control *control, uint64_t now_ns);

#endif
