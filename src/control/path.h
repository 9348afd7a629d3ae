/* SPDX-License-Identifier: MIT */
/* path.h - a path: one of our links together with one endpoint of the peer.
 *
 * An address is used only after proof: it is configured, or the peer is plain and an authentic
 * handshake came from it, or a PATH_CHALLENGE sent there was answered from there. How far that is:
 *
 *                     added               an initiation             a copy of one
 *   FREE ──────────────┬────────────────────────┬────────────────────────┐
 *                      ▼                        ▼                        ▼
 *                    ADDED                   ORIGIN ◄──────────────── COPY          not asked yet
 *                      │ path_ask()             │ path_ask()             │ path_ask()
 *                      ▼                        ▼                        ▼
 *                 ADDED_ASKED            ORIGIN_ASKED ◄────────── COPY_ASKED        asked
 *                      │                        │                        │
 *                      └──────────┬─────────────┴────────────────────────┘
 *                                 │ path_lead(): answered, configured, or plain
 *                                 ▼            path_ask() at another address
 *                              PROVED ───────────────────────────────────► MOVING
 *                                 ▲          answered, or not in time         │
 *                                 └───────────────────────────────────────────┘
 *
 * To where a path is PROVED or MOVING it leads: that address is its target, which the data plane
 * knows. Before, it is a candidate, to which nothing goes but greetings and probes, and of these at
 * most three times the bytes that came from there (RFC 9000, section 8). It may become FREE from
 * everywhere.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_PATH_H
#define CONTROL_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "control/doubt.h"
#include "dataplane/link.h"
#include "sched/health.h"
#include "sched/pmtu.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

/* What goes where a path is asked for proof is the odd one of each pair. */
enum path_proof {
	PATH_FREE = 0,
	PATH_ADDED = 2, /* it has an address: of a frame, or of the configuration for a moment */
	PATH_ADDED_ASKED,
	PATH_COPY, /* a copy of an initiation came from there */
	PATH_COPY_ASKED,
	PATH_ORIGIN, /* an initiation itself did: a plain peer is there */
	PATH_ORIGIN_ASKED,
	PATH_PROVED,
	PATH_MOVING,
};

/* Of which configured endpoint a path is, where it is of none. */
#define PATH_LEARNT   -1 /* from the peer */
#define PATH_ORPHANED -2 /* of one that is no more; whether another leads there is to be seen */

/* Counts of the data plane for one place, which go on when another path takes it. */
struct path_counts {
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	uint32_t answers, probes; /* life signs written (dataplane/signs.h) */
};

struct path {
	enum path_proof proof;
	bool is_in_table; /* data may go there now */
	struct route route;
	int endpoint; /* index into the peer's configured endpoints: kept for ever; or as above */
	struct path_health health;
	uint64_t rest_until_ns; /* the system refused to send: no data and no probes until then */
	unsigned refusals;      /* in a row, without a datagram that the system took ... */
	uint64_t refused_at_tx; /* ... which is what the data plane's tx_packets said at the last */
	unsigned addresses_refused; /* left for that since it rested */
	struct doubt doubt;         /* somebody says that it leads nowhere */
	uint32_t answers_taken;     /* of the data plane's signs.h */
	uint32_t probes_taken;

	bool knows_remote_id; /* the peer's own number for this path, learnt from its probes */
	uint8_t remote_id;
	uint64_t moved_born_ns; /* keypair and counter of the frame that last moved the address */
	uint64_t moved_counter;

	/* Of a candidate that a handshake came from: what came in its name, and what we sent there.
	 */
	uint32_t heard_bytes, told_bytes;

	struct route asked_route; /* where the open challenge went */
	uint8_t challenge[CHALLENGE_LEN];

	struct path_counts before; /* what the place's counters said when this path took it */

	uint64_t trains_since_ns; /* when a train was refused last */
	int trains_told;          /* the errno logged last for that */

	int device; /* by which a configured one leaves, as the routes stand; 0 not known */
	bool is_sharing_told; /* that it shares a line with another one, see sharing.h */

	struct pmtu mtu;
	bool is_mtu_old; /* it did not carry data meanwhile */
	int mtu_device;  /* by which it left when that was looked at */

	/* For rates in status: counts at the last sample, and the rates since the one before. */
	uint64_t sampled_tx_bytes, sampled_rx_bytes;
	uint64_t tx_bps, rx_bps;
};

static inline bool path_is_used(const struct path *path)
{
	return path->proof != PATH_FREE;
}

/* It leads to a target; else it is free or a candidate. */
static inline bool path_has_target(const struct path *path)
{
	return path->proof >= PATH_PROVED;
}

/* A candidate that a handshake message came from. */
static inline bool path_is_origin(const struct path *path)
{
	return path->proof >= PATH_COPY && path->proof < PATH_PROVED;
}

/* Of an initiation itself, not merely of copies of one. */
static inline bool path_is_first_origin(const struct path *path)
{
	return path->proof == PATH_ORIGIN || path->proof == PATH_ORIGIN_ASKED;
}

/* A challenge is open. */
static inline bool path_is_asked(const struct path *path)
{
	return path->proof & 1;
}

static inline bool path_is_configured(const struct path *path)
{
	return path->endpoint >= 0;
}

/* Its endpoint is no more. */
static inline bool path_is_orphaned(const struct path *path)
{
	return path_is_used(path) && path->endpoint == PATH_ORPHANED;
}

/* The place is taken for @route: ADDED. @phase as health_spread() has it. */
void path_take(struct path *path, const struct route *route, const struct path_counts *before,
               uint32_t phase, uint64_t now_ns);

/* FREE again. The caller takes its target from the data plane. */
void path_free(struct path *path);

/* An authentic handshake message of @bytes came from there, a copy or not. Nothing for one that has
 * a target.
 */
void path_note_origin(struct path *path, const struct route *route, size_t bytes, bool is_copy);

/* Whether @bytes may be sent there, and counts them; path_take_back(): they were not sent after
 * all.
 */
bool path_may_tell(struct path *path, size_t bytes);
void path_take_back(struct path *path, size_t bytes);

/* A challenge is about to go to @route: the token that proves it when it comes back from there. The
 * same goes with all greetings: whichever of them arrives, its answer proves the address. @fresh:
 * random, taken unless one is open there.
 */
const uint8_t *path_ask(struct path *path, const struct route *route,
                        const uint8_t fresh[static CHALLENGE_LEN]);

/* Whether @token, which came over @route, answers the open challenge. */
bool path_is_answer(const struct path *path, const struct route *route,
                    const uint8_t token[static CHALLENGE_LEN]);

/* The open challenge proves nothing any more: it was answered, or the time is over. */
void path_stop_asking(struct path *path);

/* It leads to @route now. */
void path_lead(struct path *path, const struct route *route);

/* Of two frames that name different addresses the newer one counts, so that a late packet does not
 * move a path back: by the age of the keypair, then by the counter. path_note_frame() makes it the
 * newest.
 */
bool path_is_newer_frame(const struct path *path, uint64_t born_ns, uint64_t counter);
void path_note_frame(struct path *path, uint64_t born_ns, uint64_t counter);

/* The system refused a datagram, when @tx_packets had left. A firewall or a full table of
 * connections may refuse one and take the next: true when it was the third without one that it
 * took.
 */
bool path_count_refusal(struct path *path, uint64_t tx_packets);

/* Rates from the growth of the counters since the last call. */
void path_sample(struct path *path, uint64_t tx_bytes, uint64_t rx_bytes, uint64_t elapsed_ns);

/* What is to be done about trains of datagrams, of which @error was the last refusal (0: none
 * since) and @is_limited whether only shorter ones are sent.
 */
enum path_trains {
	PATH_TRAINS_AS_BEFORE,
	PATH_TRAINS_TELL,  /* people, once for each cause */
	PATH_TRAINS_RETRY, /* longer ones: an MTU that ICMP has lowered is forgotten by now */
};
enum path_trains path_look_at_trains(struct path *path, int error, bool is_limited,
                                     uint64_t now_ns);

#endif
