/* SPDX-License-Identifier: MIT */
/* peer_endpoints.h - the configured endpoints of a peer lead to paths: each link that an endpoint
 * is meant for has a path to one of its addresses.
 *
 * Which address, and when a name is asked for, is decided in endpoints.h. A path goes on to the
 * next one at each retry of a handshake, in a bonded session when it falls or has not been proved
 * for health_check_timeout, and when the system refuses to send there.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_ENDPOINTS_H
#define CONTROL_PEER_ENDPOINTS_H

#include "control/peer.h"

/* Asks for the addresses of those endpoints of @peer that are due. The answers lead to
 * peer_take_addresses(). Returns when it wants to be asked again.
 */
uint64_t peer_endpoints_service(struct peer *peer, uint64_t now_ns);

/* Which peer an answer of the resolver is for: its id. */
uint32_t peer_id_of_answer(const struct resolve_answer *answer);

/* An answer to a question of this peer. */
void peer_take_addresses(struct peer *peer, const struct resolve_answer *answer, uint64_t now_ns);

/* Routes, addresses or devices of the system have changed: paths of @peer that are not answered
 * look for an address that can be reached now.
 */
void peer_place_again(struct peer *peer, uint64_t now_ns);

/* Endpoint @e is no more. Paths that lead to an address of it are to go, unless another endpoint
 * leads there, which is seen when peer_settle_endpoints() is called; those to where the peer has
 * roamed stay.
 */
void peer_drop_endpoint(struct peer *peer, unsigned e);

/* Endpoints were dropped and added, and asked for. True when paths went. */
bool peer_settle_endpoints(struct peer *peer, uint64_t now_ns);

/* There may be links that were not there before: endpoints with a known address lead over them,
 * too.
 */
void peer_links_came(struct peer *peer, uint64_t now_ns);

/* Other allowed IPs became routes into the tunnel: says again where its configured paths lead, so
 * that the way there is kept.
 */
void peer_keep_ways(struct peer *peer);
STEP(keep_ways);

/* The next initiation is about to be sent: those of @peer's paths where the one before was not
 * answered, or could not be sent, try their next addresses.
 */
void peer_try_next_addresses(struct peer *peer, uint64_t now_ns);

/* Looks whether a path of a bonded session has to try its next address; returns when it wants to be
 * asked again.
 */
uint64_t peer_service_address(struct peer *peer, struct path *path, uint64_t now_ns);

/* The system refused to send on @path. True when it leads to another address now, and need not
 * rest; false when there is none that was not refused in this round.
 */
bool peer_leave_refused(struct peer *peer, struct path *path, uint64_t now_ns);

#endif
