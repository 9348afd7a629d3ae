/* SPDX-License-Identifier: MIT */
/* pumps.h - the alarms that a dispatcher keeps: when an outflow can go on, see outflow.h.
 *
 * Only dispatchers have memory for runs, so what waits for a path is looked at by one: the alarm
 * ends its sleep. Set by whoever has the role of the outflow.
 */
#ifndef DATAPLANE_PUMPS_H
#define DATAPLANE_PUMPS_H

#include <stdint.h>

#include "dataplane/alarms.h"

struct dp_thread;

struct pumps {
	struct alarms alarms; /* their context is the dispatcher's self */
	int wake_fd;          /* [I] eventfd that ends its sleep; the dispatcher's */
};

/* @alarm is to ring at @at_ns, NEVER_NS for not at all. @self: the running thread. */
void pumps_set(struct pumps *pumps, const struct dp_thread *self, struct alarm *alarm,
               uint64_t at_ns);

/* Rings those whose time has come. Returns when to do so next, NEVER_NS for not at all. The
 * dispatcher.
 */
uint64_t pumps_serve(struct pumps *pumps, uint64_t now_ns);

#endif
