/* SPDX-License-Identifier: MIT */
/* peer.h - what the data plane knows of one peer: keypair to seal with, paths, order, activity.
 *
 *   [I] set before it is published
 *   [U] pointer published by control, read under RCU
 *   [E] whoever has the emitting role of the sequencer named
 *   [A] any thread, atomic
 *   [C] control thread
 *
 * The control thread creates it, fills its tables and holds a reference; batches on their way hold
 * one each. Keypairs point back to it without a reference: control retires all keypairs of a peer
 * before it lets go of the peer, and who found a keypair before that may find its peer gone.
 */
#ifndef DATAPLANE_PEER_H
#define DATAPLANE_PEER_H

#include <stdatomic.h>

#include "base/align.h"
#include "base/bucket.h"
#include "base/counter.h"
#include "base/rcu.h"
#include "base/reference.h"
#include "dataplane/alarms.h"
#include "dataplane/route.h"
#include "dataplane/sequencer.h"
#include "dataplane/signs.h"
#include "dataplane/trains.h"
#include "sched/path_table.h"

struct engine;
struct feedback;
struct keypair;
struct mailbox;
struct outflow;
struct reorder;

/* Where a path leads. Immutable but for what is learnt of that way; a new one is published when it
 * moves.
 */
struct path_target {
	struct rcu_head rcu;
	struct route route;
	struct train_limit trains; /* [A] */
};

struct dp_path {
	struct path_target *target; /* [U] NULL: the slot is free */
	struct sequencer leaving;   /* order of sending */

	_Alignas(CACHE_LINE) counter_t tx_packets; /* [E] of leaving: datagrams the system took */
	counter_t tx_bytes;                        /* [E] UDP payload */
	counter_t tx_errors;                       /* [E] datagrams the system refused */
	counter_t tx_whole;        /* [E] of tx_packets: probes of its MTU, which may be lost */
	_Atomic uint32_t too_long; /* [A] 1 + number of the newest of these that the system refused
				    * for its length, not yet told to control; 0 none
				    */
	_Atomic uint32_t refusal; /* [A] newest of the system not yet told to control; 0 none */

	_Alignas(CACHE_LINE) counter_t rx_packets; /* [E] of arriving: authentic datagrams */
	counter_t rx_bytes;                        /* [E] UDP payload */
	counter_t rx_whole;                        /* [E] of them: probes of its MTU */
	counter_t rx_copies; /* [E] beside them: those refused because their number came before */
	counter_t heard_ns;                        /* [E] when the newest came; 0 never */
	struct sign_ring answers;                  /* [E] writes, control takes: ECHO frames */
	struct sign_ring probes;                   /* [E] writes, control takes: PROBE frames */
};

/* A refusal: the errno, and the id of the link that it was about, which the path may have left by
 * the time control hears of it.
 */
static inline uint32_t dp_refusal(unsigned link_id, int error)
{
	return link_id << 16 | (uint32_t)error;
}

static inline unsigned dp_refusal_link(uint32_t refusal)
{
	return refusal >> 16;
}

static inline int dp_refusal_error(uint32_t refusal)
{
	return (int)(refusal & 0xffff);
}

/* What the data plane asks of control; bits of dp_peer.events. */
enum peer_event {
	PEER_EVENT_WANT_SESSION = 1 << 0, /* something to send and no keypair, or an old one */
	PEER_EVENT_CONFIRMED = 1 << 1,    /* first packet under the responder's next keypair */
	PEER_EVENT_ACTIVE = 1 << 2,       /* data after rest: timers have to be looked at */
	PEER_EVENT_SEND_ERROR = 1 << 3,   /* the system refused to send on a path: refusal */
	PEER_EVENT_SIGNS = 1 << 4,        /* life signs came: answers and probes of the paths */
};

struct dp_peer {
	struct engine *engine;         /* [I] for control's functions */
	struct mailbox *mailbox;       /* [I] where control is told */
	struct keypair *current;       /* [U] for sending; NULL: no session. Control holds the
				        * reference
				        */
	struct path_table *path_table; /* [U] NULL or empty: nothing usable */
	_Atomic bool frames_allowed;   /* [A] the peer may be vtrunkd: look at frames */
	_Atomic bool data_refused;     /* [A] bonding is required and the peer is plain */
	_Atomic bool copies_ecn; /* [A] its datagrams come with the ECN field of their packets:
				        * who does that as a plain peer carries marks on, too
				        */
	_Atomic uint16_t fits_all; /* [A] of its path table: to which segments of TCP are clamped */
	_Atomic uint8_t followed_path; /* [A] where a plain peer is: it is told when newer packets
				        * come from elsewhere; PATH_ANY once bonded,
				        * PATH_LOST when that path is no more
				        */

	unsigned queues;         /* [I] of the TUN device */
	struct outflow *outflow; /* [I] the way out */

	struct sequencer arriving; /* order of arrival; its [E] owns the replay windows */
	struct bucket echoes;      /* [E] of arriving: answers to probes, see frames_in.c */
	struct reorder *reorder;   /* [U] order of sending, if bonded: used by [E]; or NULL */
	struct feedback *feedback; /* [U] what arrived, see feedback_of(); or NULL */
	struct alarm overdue;      /* [E] sets it: packets wait to be looked at again, or a report
				    * to be made
				    */

	_Alignas(CACHE_LINE) counter_t
		data_tx_since_ns;    /* [A] first data sent unanswered; 0: none */
	counter_t data_rx_since_ns;  /* [A] first data heard with nothing sent since; 0: none */
	counter_t sent_ns;           /* [A] newest authenticated packet sent */
	counter_t heard_ns;          /* [A] newest authenticated packet heard */
	counter_t data_ns;           /* [A] newest data either way */
	counter_t data_heard_ns;     /* [A] newest data heard; 0 never */
	_Atomic bool session_wanted; /* [A] set by the data plane, cleared by control */
	_Atomic bool timers_armed;   /* [A] control looks at the two since-times anyway */

	struct cds_wfcq_node event_node; /* in the mailbox */
	_Atomic unsigned events;         /* [A] enum peer_event; node is queued while not 0 */
	_Atomic unsigned notices;        /* [A] of it that wait in the mailbox */

	struct dp_path path[PATHS_MAX];

	void (*free_parts)(struct dp_peer *peer); /* [I] of outflow and feedback */

	void *control;               /* [C] the control thread's object; NULL: it is gone */
	struct reference references; /* [A] */
	struct rcu_head rcu;
};

struct dp_peer_settings {
	struct engine *engine;
	struct mailbox *mailbox;          /* where control is told */
	unsigned queues;                  /* of the TUN device, each with a dispatcher */
	const struct alarm_kind *overdue; /* what the alarm of that name does */
	void (*free_parts)(struct dp_peer *peer); /* frees its outflow and its feedback, or NULL */
	void *control;                    /* the control thread's object */
};

/* One reference, the caller's. NULL without memory. See engine_create_peer(). */
struct dp_peer *dp_peer_create(const struct dp_peer_settings *set);

/* Another reference. NULL when the last one is gone already: then the peer must not be touched
 * beyond the RCU read side under which it was found. Needs that or a reference already held, with
 * which it cannot fail.
 */
struct dp_peer *dp_peer_get(struct dp_peer *peer);

/* NULL is allowed. Freed after a grace period. Any registered RCU thread. */
void dp_peer_put(struct dp_peer *peer);

/* The TUN queue, and with it the dispatcher, that the flows of the peer settle on. */
unsigned dp_peer_queue(const struct dp_peer *peer);

/* The path over which a datagram with this origin comes, or PATH_NONE. RCU read side. */
unsigned dp_peer_find_path(const struct dp_peer *peer, const struct route *route);

#endif
