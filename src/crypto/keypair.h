/* SPDX-License-Identifier: MIT */
/* keypair.h - the keys of one session, their counters and their age.
 *
 * Made by the control thread from a finished handshake, then shared: batches on their way and the
 * tables behind RCU each hold a reference. The last one to leave wipes the keys, after a grace
 * period, so a reader that found the keypair in a table may still try to take a reference.
 *
 *   [I] set before it is published   [C] control thread   [A] any thread, atomic
 *   [U] control writes, others read under RCU
 *   [D] the thread that delivers the peer's packets at this moment, one at a time
 *   [N] whoever numbers the lane at this moment, one at a time; others read
 */
#ifndef CRYPTO_KEYPAIR_H
#define CRYPTO_KEYPAIR_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"
#include "base/rcu.h"
#include "base/reference.h"
#include "crypto/copies.h"
#include "crypto/replay.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

/* Of lane 1 while its counters are few. */
#define KEYPAIR_BITS_UNORDERED (1u << 11)

/* In secret memory. */
struct keypair_keys {
	uint8_t send[KEY_LEN];
	uint8_t receive[KEY_LEN];
};

/* Groups that are written start on cache lines of their own : sealing must not slow down
 * opening, and taking references neither.
 */
struct keypair {
	struct keypair_keys *keys; /* [I] */
	uint32_t local_index;      /* [I] the peer writes it into packets to us */
	uint32_t remote_index;     /* [I] we write it into packets to the peer */
	bool is_initiator;         /* [I] our role */
	bool accepts_lanes;        /* [I] keypair_accept_lanes() */
	uint64_t rekey_ns;         /* [I] the initiator renews it when it sends after this */
	uint64_t born_ns;          /* [I] */
	void *owner;               /* [I] the data plane's peer; this room does not look inside */
	_Atomic bool is_confirmed; /* [A] responder: the initiator has used it */
	_Atomic bool send_lanes;   /* [A] the peer has said that it takes lanes; set once */
	_Atomic uint64_t superseded_ns;  /* [A] control, once: a newer session is in use; 0: none */
	struct cds_lfht_node index_node; /* [U] in the data plane's index table */

	alignas(CACHE_LINE) _Atomic uint64_t sent[LANE_COUNT]; /* [N] next counter per lane */

	alignas(CACHE_LINE) struct replay_window
		received[LANE_COUNT]; /* [D] lanes 2 .. 15 have none */
	uint64_t
		*wide_bits; /* [I] NULL without lanes; [D] of lanes 0 and 1 when counters need it */
	struct copies *copies;       /* [I] NULL without lanes; of lanes 0 and 1 ... */
	uint32_t copies_expected;    /* [D] ... kept for so many more packets ... */
	_Atomic bool expects_copies; /* [D] writes, [A] reads: ... as long as that lasts */
	uint64_t stock_bits[REPLAY_WORDS(REPLAY_BITS_STOCK)];          /* [D] lane 0 before */
	uint64_t unordered_bits[REPLAY_WORDS(KEYPAIR_BITS_UNORDERED)]; /* [D] lane 1 before */
	uint64_t control_bits[16][REPLAY_WORDS(REPLAY_BITS_CONTROL)];  /* [D] */

	alignas(CACHE_LINE) struct reference references; /* [A] */
	struct rcu_head rcu;
};

/* One reference, the caller's. NULL without memory. Keys are to be filled in by the caller
 * (noise_split()). Control thread.
 */
struct keypair *keypair_create(bool is_initiator, uint32_t local_index, uint32_t remote_index,
                               uint64_t now_ns);

/* The peer may be vtrunkd: lanes above 0 are looked at, and lanes 0 and 1 reach back by
 * REPLAY_BITS_BONDED from the first packet on, whether bonding is agreed under this keypair or not:
 * where handshakes cross, the peer may send under one that we never use. Before it is published; 0
 * or -ENOMEM. Thread: control.
 */
int keypair_accept_lanes(struct keypair *kp);

/* False when the last reference is gone already; only then the keypair must not be touched. Needs
 * an RCU read side or a reference.
 */
bool keypair_get(struct keypair *kp);

/* NULL is allowed. The last one retires it with call_rcu(). Any registered RCU thread. */
void keypair_put(struct keypair *kp);

/* Whether @counter, lane included, is new; marks it. After the tag was verified. Lanes that nobody
 * agreed on are refused, and so are counters from REJECT_AFTER_MESSAGES on. Thread: [D].
 */
bool keypair_accept(struct keypair *kp, uint64_t counter);

/* Whether it is certain that keypair_accept() would refuse @counter as one that was accepted,
 * so that the packet need not be opened. Only where copies came lately: then those accepted are
 * kept in mind. Any thread.
 */
static inline bool keypair_is_copy(const struct keypair *kp, uint64_t counter)
{
	return atomic_load_explicit(&kp->expects_copies, memory_order_relaxed) &&
	       counter >> LANE_SHIFT <= LANE_UNORDERED &&
	       copies_has(&kp->copies[counter >> LANE_SHIFT], counter & ((1ull << LANE_SHIFT) - 1));
}

/* A copy was refused without being opened: more are to be expected. Thread: [D]. */
void keypair_copy_came(struct keypair *kp);

/* Young enough, and its counter not used up. */
static inline bool keypair_can_send(const struct keypair *kp, uint64_t now_ns, unsigned lane)
{
	return now_ns < kp->born_ns + REJECT_AFTER_TIME &&
	       atomic_load_explicit(&kp->sent[lane], memory_order_relaxed) < REJECT_AFTER_MESSAGES;
}

static inline bool keypair_can_receive(const struct keypair *kp, uint64_t now_ns)
{
	return now_ns < kp->born_ns + REJECT_AFTER_TIME;
}

/* Packets under the keypair before may come this much later than the first under the newer one: a
 * round trip until the responder may use it, a lost confirmation, links of unequal delay.
 */
#define KEYPAIR_OVERLAP_NS REKEY_TIMEOUT

/* A newer session took its place at @now_ns. Control. */
static inline void keypair_supersede(struct keypair *kp, uint64_t now_ns)
{
	atomic_store_explicit(&kp->superseded_ns, now_ns, memory_order_relaxed);
}

/* Whether what comes under it at @now_ns tells that the peer is alive and has the session we have.
 * Not when a newer one has been in use for longer than KEYPAIR_OVERLAP_NS: who still sends under
 * the old one then is another host with the same key, whose place was taken, and which must find
 * out. Its data is accepted all the same, as in plain WireGuard. Relaxed: a moment more or less
 * does not matter.
 */
static inline bool keypair_is_fresh(const struct keypair *kp, uint64_t now_ns)
{
	uint64_t since_ns = atomic_load_explicit(&kp->superseded_ns, memory_order_relaxed);

	return !since_ns || now_ns < since_ns + KEYPAIR_OVERLAP_NS;
}

/* Takes @n counters of @lane; returns the first, with the lane in it, or UINT64_MAX when the lane
 * is used up. A counter never sent is a gap the receiver allows, one sent twice would break the
 * AEAD: one thread at a time numbers a lane. Relaxed: others only look whether there are any left.
 */
static inline uint64_t keypair_reserve(struct keypair *kp, unsigned lane, unsigned n)
{
	uint64_t first = atomic_load_explicit(&kp->sent[lane], memory_order_relaxed);

	atomic_store_explicit(&kp->sent[lane], first + n, memory_order_relaxed);
	if (first >= REJECT_AFTER_MESSAGES - n)
		return UINT64_MAX;
	return (uint64_t)lane << LANE_SHIFT | first;
}

#endif
