/* SPDX-License-Identifier: MIT */
/* status.h - what the daemon says of itself: the status object of vtrunkd/ctl.h. */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include <jansson.h>
#include <stdint.h>

struct control;

/* Everything as it is at @now_ns; the data plane's counters are read while it runs, so sums may be
 * a few packets apart. The caller's reference; NULL without memory. Thread: control.
 */
json_t *status_build(const struct control *control, uint64_t now_ns);

#endif
