/* SPDX-License-Identifier: MIT */
/* link_rx.h - reception on a link, mostly by its RX thread: datagrams in, batches of one keypair
 * and one origin out.
 *
 * A message of recvmmsg() is a datagram, or with UDP_GRO a train of datagrams of one length (the
 * last may be shorter) from one origin. Each message lands in a batch of its own, large enough for
 * a train. A train stays there; what is short is copied behind the messages before it that have the
 * same receiver index and origin, so that a reception of lone datagrams is one batch as well: a
 * copy costs a fraction of what opening costs, and of what a batch costs.
 */
#ifndef DATAPLANE_LINK_RX_H
#define DATAPLANE_LINK_RX_H

#include "dataplane/link.h"

/* What a link needs to receive, beside its struct dp_thread. Returns 0 or -ENOMEM. Control. */
int link_rx_init(struct link *link);

/* When nobody receives any more. Also for one that is not initialised. Control. */
void link_rx_fini(struct link *link);

/* The RX thread's function; @arg is the link. */
void link_rx_main(void *arg);

/* Receives from a quiet link, which may be given back to its RX thread. The first dispatcher. */
void link_rx_stand_in(struct link *link);

#endif
