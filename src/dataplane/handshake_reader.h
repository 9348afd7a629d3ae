/* SPDX-License-Identifier: MIT */
/* handshake_reader.h - what the engine has for the one thread that reads the handshake sockets: the
 * messages that came among data, and where data goes that came to it.
 *
 * The system steers a train of datagrams by its first one, so each side finds what is the other's.
 * That thread is registered with RCU and online; it may be any, but one at a time.
 */
#ifndef DATAPLANE_HANDSHAKE_READER_H
#define DATAPLANE_HANDSHAKE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/drop.h"

struct batch;
struct engine;
struct route;

/* Readable when handshake messages came among data. Reset by engine_handshakes_begin(), after which
 * all are to be taken.
 */
int engine_handshake_fd(const struct engine *engine);
void engine_handshakes_begin(struct engine *engine);

/* The next handshake message that came among data (segment 0, header included, and its route), or
 * NULL. The caller frees it. Left where they are, they cost nobody else his place.
 */
struct batch *engine_take_handshake(struct engine *engine);

/* Makes the descriptor readable: some were left. */
void engine_wake_handshakes(struct engine *engine);

/* Takes in one datagram of transport data that came at a handshake socket. */
void engine_receive(struct engine *engine, const struct route *route, const uint8_t *datagram,
                    size_t len);

/* A handshake message was dropped for @reason. */
void engine_count_handshake_drop(struct engine *engine, enum drop_reason reason);

#endif
