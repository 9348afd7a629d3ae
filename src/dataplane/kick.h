/* SPDX-License-Identifier: MIT */
/* kick.h - an outflow is worked on by who is no dispatcher: control, who delivers, and workers at
 * an alarm.
 *
 * They do what needs no memory for runs - numbers for late batches, dropping what waited in vain -
 * and leave the rest to the peer's dispatcher. Any thread of the data plane, and control.
 */
#ifndef DATAPLANE_KICK_H
#define DATAPLANE_KICK_H

#include <stdint.h>

#include "dataplane/alarms.h"
#include "dataplane/self.h"

/* A turn of the peer's outflow at @now_ns, by @self, who has its role; the peer is held. */
void kick_outflow(struct dp_thread *self, struct dp_peer *peer, uint64_t now_ns);

/* The same, if nobody has the role; who has it looks again. */
void kick_idle_outflow(struct dp_thread *self, struct dp_peer *peer);

/* What outflow.expiry and .pump are. */
extern const struct alarm_kind expiry_kind, pump_kind;

#endif
