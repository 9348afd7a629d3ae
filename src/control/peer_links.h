/* SPDX-License-Identifier: MIT */
/* peer_links.h - what this machine tells of the paths of a peer: refusals, ICMP errors, links that
 * fail and come back, trains of datagrams, counters, source addresses that are no longer the ones
 * to send from (source.h).
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_LINKS_H
#define CONTROL_PEER_LINKS_H

#include "control/icmp.h"
#include "control/peer.h"

struct ifaddrs;

/* The system refused to send on it, with @error: the path is doubted, rests if that goes on, or all
 * paths through its sockets do at once where the error says so.
 */
void peer_path_refused(struct peer *peer, struct path *path, int error, uint64_t now_ns);

/* An ICMP error came, which may be a lie: paths that it is about are doubted. Returns whether there
 * are any; then peer_service() has to see to it.
 */
bool peer_hears_icmp(struct peer *peer, const struct icmp_error *error, uint64_t now_ns);

/* Routes, addresses or devices have changed: paths that rest are tried now, not after
 * error_backoff.
 */
void peer_try_again(struct peer *peer, uint64_t now_ns);

/* Something local made a pair of sockets useless, or useful again. */
void peer_link_failed(struct peer *peer, const struct link *link, const char *reason,
                      uint64_t now_ns);
void peer_link_back(struct peer *peer, const struct link *link, uint64_t now_ns);

/* Its sockets are closed to be opened otherwise, which peer_link_back() tells. */
void peer_link_closed(struct peer *peer, const struct link *link, uint64_t now_ns);

/* It goes for good: the peer has no path over it any more. */
void peer_link_gone(struct peer *peer, const struct link *link, uint64_t now_ns);

/* Logs that the system refused trains of datagrams on a path, once per path and cause, and has
 * longer ones tried again after some minutes.
 */
void peer_tell_trains(struct peer *peer, uint64_t now_ns);

/* Rates from the growth of the counters since the last call, at first since the peer was made. */
void peer_sample_rates(struct peer *peer, uint64_t now_ns);

/* Routes, addresses or devices have changed: forgets the stale source addresses. @list: of
 * getifaddrs().
 */
void peer_check_sources(struct peer *peer, const struct ifaddrs *list, uint64_t now_ns);

/* Forgets all source addresses of the peer, which does not answer. */
void peer_forget_sources(struct peer *peer, uint64_t now_ns);

/* Routes, addresses, devices or targets have changed: looks by which device each configured path
 * leaves (sharing.h).
 */
void peer_look_at_sharing(struct peer *peer);

/* Logs which paths share a line, as far as it is new. */
void peer_tell_sharing(struct peer *peer, uint64_t now_ns);

/* ---- steps, see the table of conductor.c ---- */

STEP(check_source);  /* of a path that is down */
STEP(forget_source); /* the system chooses it again */
STEP(rest_path);
STEP(suspect_path); /* others take what they can until it has answered */
STEP(fail_paths_of_link);
STEP(use_link_again);
STEP(forget_cookie); /* it was for an address of ours that the link may not have any more */

#endif
