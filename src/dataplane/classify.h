/* SPDX-License-Identifier: MIT */
/* classify.h - the flow of what was read, and how it is treated: by the rules of the configuration
 * (sched/traffic_rules.h), and where they say nothing by itself (sched/traffic_class.h). That
 * matters only where paths take by what is believed of them; elsewhere all are alike.
 *
 * In the role of the peer's outflow, RCU online, behind runs_begin().
 */
#ifndef DATAPLANE_CLASSIFY_H
#define DATAPLANE_CLASSIFY_H

#include "sched/send_queue.h"

struct dp_thread;
struct runs;
struct super_packet;

struct send_class classify_read(const struct dp_thread *self, struct runs *runs,
                                const struct super_packet *cut);

#endif
