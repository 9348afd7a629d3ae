/* SPDX-License-Identifier: MIT */
/* leave.h - the last step of the way out: a batch leaves on a path, in the path's order.
 *
 * It runs in the emitting role of dp_path.leaving, one thread at a time per path, so the path's
 * counts need no lock. A batch that several paths carry (redundant mode) is sent home by the last
 * of them.
 */
#ifndef DATAPLANE_LEAVE_H
#define DATAPLANE_LEAVE_H

#include "dataplane/batch.h"
#include "dataplane/self.h"

/* Sends @b, sealed or late, on path @path_id of its peer and counts what the system took. In the
 * emitting role of the path. RCU online.
 */
void leave_on_path(struct dp_thread *self, struct batch *b, unsigned path_id);

#endif
