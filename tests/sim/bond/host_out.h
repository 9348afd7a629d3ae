/* SPDX-License-Identifier: MIT */
/* host_out.h - the way out of a host, in turns as those of dataplane/outflow.c and runs.c.
 *
 * What is offered at one moment is read in one round, as a dispatcher does that was asleep.
 */
#ifndef BOND_HOST_OUT_H
#define BOND_HOST_OUT_H

#include "host.h"

void host_out_begin(struct host *h);
void host_out_end(struct host *h);

/* Reads @p in the next turn, which is now. */
void host_out_read(struct host *h, struct packet *p);

/* There is a turn at @at_ns at the latest. */
void host_out_turn_at(struct host *h, uint64_t at_ns);

#endif
