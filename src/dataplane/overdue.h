/* SPDX-License-Identifier: MIT */
/* overdue.h - packets that wait for their turn are looked at again in time, though nothing comes.
 *
 * What arrives makes whoever delivers look at what waits (reorder.h). When nothing more comes, the
 * alarm of the peer rings: the worker that keeps it puts an empty batch into the order of arrival,
 * and with that what is overdue is delivered like everything else.
 */
#ifndef DATAPLANE_OVERDUE_H
#define DATAPLANE_OVERDUE_H

#include <stdint.h>

struct dp_peer;
struct dp_thread;

/* Before the peer is published. */
void overdue_init(struct dp_peer *peer);

/* Packets of @peer are to be looked at again at @due_ns; NEVER_NS: none wait. The emitting role of
 * its arrivals.
 */
void overdue_set(struct dp_thread *self, struct dp_peer *peer, uint64_t due_ns);

#endif
