/* SPDX-License-Identifier: MIT */
/* peer.h - what the control thread knows of one peer: keys, sessions, handshake, paths, verdict.
 *
 * Everything here belongs to the control thread. What packets need is in the data plane's half
 * (dataplane/peer.h), which this one fills.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include "base/bucket.h"
#include "base/deadline.h"
#include "base/log.h"
#include "config/config.h"
#include "control/answered.h"
#include "control/effects.h"
#include "control/frames.h"
#include "control/handshake.h"
#include "control/session.h"
#include "control/verdict.h"
#include "crypto/cookie.h"
#include "crypto/keypair.h"
#include "crypto/noise.h"
#include "dataplane/engine.h"
#include "sched/health.h"

struct control;
struct peer_endpoint;
struct uplink;

/* A path: one of our links together with one endpoint of the peer. Its place in peer->path is its id
 * and the id of its lane.
 */
struct path {
	bool is_used;       /* the slot is taken */
	bool is_configured; /* from an endpoint in the configuration: kept for ever */
	bool has_target; /* published to the data plane; else a candidate, whose address is still to be
	                  * proved
	                  */
	bool is_in_table; /* data may go there now */
	struct uplink *uplink;
	struct route route;
	int endpoint; /* index into the peer's configured endpoints, or -1 */
	struct path_health health;
	uint64_t rest_until_ns; /* the system refused to send: no data and no probes until then */
	unsigned refusals;      /* in a row, without a datagram that the system took ... */
	uint64_t refused_at_tx; /* ... which is what the data plane's tx_packets said at the last */
	unsigned addresses_refused; /* left for that since it rested */
	uint32_t answers_taken;     /* of the data plane's signs.h */
	uint32_t probes_taken;

	bool knows_remote_id; /* the peer's own number for this path, learnt from its probes */
	uint8_t remote_id;
	uint64_t moved_born_ns; /* keypair and counter of the frame that last moved the address */
	uint64_t moved_counter;

	/* A candidate that a handshake came from: what came in its name, and what we sent there. */
	bool is_origin;
	bool is_first_origin; /* of an initiation itself, not merely of copies of one */
	uint32_t heard_bytes, told_bytes;

	bool has_challenge; /* sent to challenge_route and not yet answered */
	struct route challenge_route;
	uint8_t challenge[CHALLENGE_LEN];

	/* What the slot's counters said when this path took it. */
	uint64_t before_tx_packets, before_tx_bytes, before_rx_packets, before_rx_bytes;

	uint64_t trains_since_ns; /* when a train was refused last */
	int trains_told;          /* the errno logged last for that */

	int device; /* by which a configured one leaves, as the routes stand; 0 not known */
	bool is_sharing_told; /* that it shares a line with another one, see sharing.h */

	/* For rates in status: counts at the last sample, and the rates since the one before. */
	uint64_t sampled_tx_bytes, sampled_rx_bytes;
	uint64_t tx_bps, rx_bps;
};

struct peer {
	struct control *control;
	struct effects *fx;
	const struct config_peer *config;
	char name[NAME_LEN];
	struct dp_peer *dp;
	struct noise_remote *remote; /* secret memory */
	struct cookie_keys cookie_keys;
	struct cookie_jar jar[LINK_PAIRS_MAX]; /* a cookie is for one address of ours */
	struct deadline deadline; /* when peer_service() has something to do */

	struct handshake handshake;
	struct answered answered; /* the newest initiation of the peer */
	struct session session;
	uint64_t silence_jitter_ns; /* on top of the time for which data may be unanswered */
	struct log_limit log_limit;         /* for lines the peer can cause */
	struct log_limit stale_limit;       /* for those that replays of old initiations cause */
	struct log_limit refusal_limit; /* for refusals of the system that lead to nothing yet */
	struct bucket replies;          /* frames sent because of frames it sent */

	struct verdict verdict;
	struct frames frames;

	struct path path[PATHS_MAX];
	unsigned active;         /* path id for everything while not bonded; PATH_NONE none */
	uint16_t published_mask; /* of the table published last */
	bool has_table;          /* one was published */
	uint64_t challenge_ns;   /* when the last challenge was sent: at most 4 per second */
	bool is_busy;
	bool is_unreachable;            /* told so in the log */
	struct peer_endpoint *endpoint; /* one for each in the configuration, see endpoints.h */
	struct health_settings health_settings;
};

int peer_create(struct control *control, const struct config_peer *config, struct peer **ret);

/* Retires its keypairs; NULL is allowed. */
void peer_destroy(struct peer *peer);

/* Does what is due and sets the deadline for what comes next. */
void peer_service(struct peer *peer, uint64_t now_ns);

/* A line of level info that the peer can cause, by what it sends or does not send: at most 20 at once and one
 * per second, and the next one tells how many were held back.
 */
void peer_log(struct peer *peer, uint64_t now_ns, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- path.c ---- */

/* The path over which to speak to the peer now, or PATH_NONE. */
unsigned path_to_speak(const struct peer *peer);

/* A path over @uplink to @remote, configured or heard of: the one that exists or a new one, nearly
 * always without target yet. NULL when all slots are taken by better ones.
 */
struct path *path_add(struct peer *peer, struct uplink *uplink, const struct route *route,
                      int endpoint, uint64_t now_ns);

/* An authentic handshake message of @bytes came over @route from a peer that may be a vtrunkd: the path
 * that leads there, or a candidate for one that is greeted and challenged. NULL as from path_add(), for a copy
 * of the initiation also when nothing but candidates of it and paths not yet down would have to give way.
 */
struct path *path_add_origin(struct peer *peer, const struct route *route, size_t bytes,
                             uint64_t now_ns);

/* Whether @bytes may be sent there, and counts them: to an address that is not proved yet at most three
 * times of what came from it (RFC 9000, section 8).
 */
bool path_may_tell(struct path *path, size_t bytes);

/* The token that proves the address of candidate @path when it comes back from @route. */
const uint8_t *path_challenge(struct peer *peer, struct path *path, const struct route *route);

/* The peer is plain after all: it is where its handshake came from, not where copies of it did. */
void path_settle(struct peer *peer, uint64_t now_ns);

/* Its number, also that of its lane. */
unsigned path_id(const struct peer *peer, const struct path *path);

struct path *path_find(struct peer *peer, const struct route *route);

/* Whether the sockets of its link are there to send on. */
bool path_can_leave(const struct peer *peer, const struct path *path);

/* Whether there is any address to try. */
bool path_is_any_known(const struct peer *peer);

/* Publishes that @path leads to @route from now on, and begins to probe it. @why for people, when it
 * led elsewhere before; NULL: not worth a line.
 */
void path_move(struct peer *peer, struct path *path, const struct route *route, const char *why,
               uint64_t now_ns);

/* The same, because the peer was proved to be there. */
void path_set_route(struct peer *peer, struct path *path, const struct route *route,
                    uint64_t now_ns);

/* Everything that is not bonded goes to @path from now on. */
void path_set_active(struct peer *peer, struct path *path, uint64_t now_ns);

/* Whether an address not yet proved may be sent a challenge now: not more often than the protocol says. */
bool path_may_challenge(const struct peer *peer, uint64_t now_ns);

/* A frame with a PROBE came from where no path is: asks for proof and then moves or adds one. Only
 * when path_may_challenge().
 */
void path_heard_of(struct peer *peer, const struct route *route, uint8_t remote_id,
                   const struct batch *r, uint64_t now_ns);

/* A PATH_RESPONSE came over @route. */
void path_proved(struct peer *peer, const struct route *route, const struct frame_path_challenge *f,
                 uint64_t now_ns);

/* Rebuilds and publishes the table if the usable paths have changed, and lets staged packets go. */
void path_publish(struct peer *peer, uint64_t now_ns);

/* Probes that are due, verdicts on those overdue. */
uint64_t path_service(struct peer *peer, uint64_t now_ns);

/* The system refused to send on it, with @error: the path rests, or all paths through its sockets where
 * the error says so.
 */
void path_refused(struct peer *peer, struct path *path, int error, uint64_t now_ns);

/* Routes, addresses or devices have changed: paths that rest are tried now, not after error_backoff. */
void path_try_again(struct peer *peer, uint64_t now_ns);

/* Something local made a pair of sockets useless, or useful again. */
void path_link_failed(struct peer *peer, const struct link *link, const char *reason,
                      uint64_t now_ns);
void path_link_back(struct peer *peer, const struct link *link);

/* Logs that the system refused trains of datagrams on a path, once per path and cause, and has longer ones
 * tried again after some minutes.
 */
void path_tell_trains(struct peer *peer, uint64_t now_ns);

/* Rates from the growth of the counters since the last call. */
void path_sample_rates(struct peer *peer, uint64_t elapsed_ns);

#endif
