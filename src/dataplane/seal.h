/* SPDX-License-Identifier: MIT */
/* seal.h - from payloads to datagrams: transport header, padding, encryption (whitepaper 5.4.6).
 *
 * In place: the header goes before the payload, padding and tag behind it. Whoever gave the
 * counters sees to it that each is used once. Any thread of the data plane; the batch is its own,
 * with a keypair.
 */
#ifndef DATAPLANE_SEAL_H
#define DATAPLANE_SEAL_H

#include <stdint.h>

#include "dataplane/batch.h"
#include "dataplane/self.h"

/* Every segment, the first under b->first_counter, those behind it under the next ones; seg->len
 * becomes the datagram's. Padded to a multiple of 16, but not past the MTU of the TUN device.
 */
void seal_batch(struct dp_thread *self, struct batch *b);

/* The first segment alone, under @counter, always padded to a multiple of 16. */
void seal_first(struct dp_thread *self, struct batch *b, uint64_t counter);

/* The same, padded as data is. */
void seal_first_as_data(struct dp_thread *self, struct batch *b, uint64_t counter);

#endif
