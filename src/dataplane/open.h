/* SPDX-License-Identifier: MIT */
/* open.h - from datagrams to authentic payloads: the session they name, then the tags.
 *
 * In place; the header with its counter stays before the payload. Any thread of the data plane; the
 * batch is its own.
 */
#ifndef DATAPLANE_OPEN_H
#define DATAPLANE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/batch.h"
#include "dataplane/self.h"

/* Gives @b, whose datagrams came along @route, the keypair of receiver index @index, its peer and
 * the thread's time. False, counted, when there is no such session or its key is too old. RCU read
 * side.
 */
bool open_assign(struct dp_thread *self, struct batch *b, uint32_t index,
                 const struct route *route);

/* Opens every segment; forged ones are taken out and counted. */
void open_batch(struct dp_thread *self, struct batch *b);

#endif
