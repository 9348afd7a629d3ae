/* SPDX-License-Identifier: MIT */
/* endpoints.h - from the configured endpoints of a peer to paths: names are resolved, and each link
 * that an endpoint is meant for gets a path to one of its addresses.
 *
 * Each path takes the first address that its link can reach, so one name may give IPv6 to one link
 * and IPv4 to another. It keeps the address as long as it is answered there; then it tries the
 * next, and after the last the first again: at each retry of a handshake, in a bonded session when
 * it falls or has not been proved for health_check_timeout, and when the system refuses to send
 * there.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_ENDPOINTS_H
#define CONTROL_ENDPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/resolve.h"
#include "vtrunkd/limits.h"

/* An endpoint of which no address is known is asked for again after this, and after the second one
 * that is known and is not answered.
 */
#define ENDPOINT_ASK_SOON_NS  (5 * NS_PER_S)
#define ENDPOINT_ASK_AGAIN_NS (30 * NS_PER_S)

struct path;
struct peer;

/* What is known of one configured endpoint. */
struct peer_endpoint {
	unsigned count; /* addresses of the last good answer; 0: none yet */
	struct endpoint address[RESOLVE_ENDPOINTS_MAX];
	bool is_asked;     /* an answer is still to come */
	bool has_failed;   /* the last one was an error */
	uint64_t asked_ns; /* when it was asked for last; 0: never */
};

/* Makes room in @peer for what is learnt of its endpoints. Returns 0 or -ENOMEM. */
int endpoints_init(struct peer *peer);
void endpoints_fini(struct peer *peer);

/* Asks for the addresses of those endpoints of @peer that are due: of all at first, then at most
 * every 30 s of one that is not answered on a link, whatever works on others. The answers lead to
 * endpoints_answered(). Returns when it wants to be asked again.
 */
uint64_t endpoints_service(struct peer *peer, uint64_t now_ns);

/* Which peer an answer is for: its id. */
static inline uint32_t endpoints_peer_id(const struct resolve_answer *answer)
{
	return (uint32_t)(answer->id >> 32);
}

/* An answer of the resolver to a question of this peer. */
void endpoints_answered(struct peer *peer, const struct resolve_answer *answer, uint64_t now_ns);

/* Routes, addresses or devices of the system have changed: paths of @peer that are not answered
 * look for an address that can be reached now.
 */
void endpoints_network_changed(struct peer *peer, uint64_t now_ns);

/* The next initiation is about to be sent: those of @peer's paths where the one before was not
 * answered, or could not be sent, try their next addresses.
 */
void endpoints_retry(struct peer *peer, uint64_t now_ns);

/* Looks after a path of a bonded session; returns when it wants to be asked again. */
uint64_t endpoints_service_path(struct peer *peer, struct path *path, uint64_t now_ns);

/* The system refused to send on @path. True when it leads to another address now, and need not
 * rest; false when there is none that was not refused in this round.
 */
bool endpoints_refused(struct peer *peer, struct path *path, uint64_t now_ns);

#endif
