/* SPDX-License-Identifier: MIT */
/* deliver.h - from authentic payloads to the TUN device, in order of arrival.
 *
 * Runs in the emitting role of the peer's `arriving` sequencer: one thread at a time per peer, so
 * the replay windows and the path's receive counts need no lock.
 */
#ifndef DATAPLANE_DELIVER_H
#define DATAPLANE_DELIVER_H

#include <sys/uio.h>

#include "dataplane/batch.h"
#include "dataplane/self.h"

/* Delivers what is open in @b, or looks again at what waits for its turn (BATCH_FLUSH), and frees
 * @b. A report of what came is made when one is due. Returns when to look again though nothing
 * comes; NEVER_NS: nothing waits, and there is nothing to report. RCU online.
 */
uint64_t deliver_batch(struct dp_thread *self, struct batch *b);

/* coalesce_write; @context is the struct dp_thread. */
void write_to_tun(void *context, const struct iovec *iov, unsigned len);

#endif
