/* SPDX-License-Identifier: MIT */
/* inject.h - datagrams that came to the wrong one, and what else enters on the side.
 *
 * The system steers a train by its first datagram, so who reads the handshake sockets finds
 * transport data behind handshake messages, and who receives data finds handshake messages: each
 * passes on, as a copy in a batch of its own pool, what is the other's. What finds no memory is
 * dropped and counted. RCU online.
 */
#ifndef DATAPLANE_INJECT_H
#define DATAPLANE_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/route.h"
#include "dataplane/self.h"

struct dp_peer;

/* Takes in one datagram of transport data, by its length at least. Who reads the handshake sockets.
 */
void inject_data(struct dp_thread *self, const struct route *route, const uint8_t *datagram,
                 size_t len);

/* Passes a handshake message on to who reads those. Whoever receives data. */
void inject_handshake(struct dp_thread *self, const struct route *route, const uint8_t *datagram,
                      size_t len);

/* Has the packets of @peer that wait for their turn looked at, behind what has arrived. A worker;
 * without memory nothing happens.
 */
void inject_flush(struct dp_thread *self, struct dp_peer *peer, uint64_t now_ns);

#endif
