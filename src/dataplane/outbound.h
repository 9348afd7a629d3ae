/* SPDX-License-Identifier: MIT */
/* outbound.h - a dispatcher's view of one peer: where its packets go in this round, and what waits.
 *
 * A round is what a dispatcher reads in one go. Each packet is put into the open batch of the path
 * picked for it; at the end of the round the packets of each peer are numbered with one reservation
 * of counters, in the order in which they came, and the batches enter the orders of leaving and are
 * submitted. Several dispatchers number side by side, each with what it keeps of a peer; the
 * counters are the keypair's.
 *
 *   [I] set before it is published   [T] the dispatcher whose view it is; where nothing is said   [A] any
 *   thread, atomic
 *
 * All functions: the dispatcher, RCU online; a batch that is open keeps no reference, so a round
 * ends before the thread is quiescent.
 */
#ifndef DATAPLANE_OUTBOUND_H
#define DATAPLANE_OUTBOUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "dataplane/batch.h"
#include "dataplane/self.h"
#include "dataplane/staging.h"
#include "sched/pick.h"
#include "sched/run.h"

struct dp_peer;
struct keypair;

/* What one dispatcher keeps of a peer. */
struct outbound {
	_Alignas(CACHE_LINE) struct dp_peer *peer; /* [I] */
	struct pick_state pick;
	struct run_state run;           /* how long a path is kept */
	struct outbound *round_next;    /* list of those touched in this round */
	struct keypair *round_keypair;  /* of this round; NULL: not in its list */
	unsigned round_len;             /* packets in this round */
	uint8_t round_lane;             /* they go in */
	uint16_t round_paths;           /* mask of paths with an open batch */
	struct batch *open[PATHS_MAX];  /* being filled */
	struct staged_queue staged;     /* what waits for a session and a path */
	struct cds_wfcq_node kick_node; /* in the dispatcher's queue of kicks */
	_Atomic bool is_kicked;         /* [A] kick_node is in use */
	_Atomic bool is_given_up;       /* [A] the kick says: drop what is staged */
};

struct round {
	struct dp_thread *self;
	struct outbound *first; /* of the peers with packets not yet submitted */
	bool is_full;           /* a batch is, with the packet reserved last */
};

/* Where to write a packet of @len bytes, which round_commit() follows at once; it is sent with the
 * round. NULL when the peer cannot send at this moment: no session, no path, no memory.
 */
uint8_t *round_reserve(struct round *r, struct outbound *out, size_t len);

/* The packet is there. A full batch ends the round. */
void round_commit(struct round *r);

/* Numbers and submits everything. @more: the TUN device held more than one round takes. */
void round_end(struct round *r, bool more);

/* Asks for a session once; control clears the wish when the attempt has ended either way. */
void outbound_want_session(struct dp_peer *peer);

#endif
