/* SPDX-License-Identifier: MIT */
/* host_in.h - the way in of a host: what dataplane/deliver.c, frames_in.c and report_out.c do with
 * a datagram, with the real feedback, resequencer and replay window.
 *
 * With more than one ordered lane a packet has its place in the lane of its flow, and is delivered
 * from there. What is missing is told to the sender as in one lane.
 */
#ifndef BOND_HOST_IN_H
#define BOND_HOST_IN_H

#include "host.h"

void host_in_begin(struct host *h);
void host_in_end(struct host *h);

/* Takes @p, which came over @path. */
void host_in_receive(struct host *h, unsigned path, struct packet *p);

#endif
