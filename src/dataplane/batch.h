/* SPDX-License-Identifier: MIT */
/* batch.h - packets handled in one go, and where they lie.
 *
 * A batch is the unit of everything: one queue node, one wake-up, one reservation of counters, one
 * crypto call, one system call. It belongs to one peer, one keypair and one direction, on send also
 * to one path, or to several that all carry it. Its segments are datagrams in one piece of memory,
 * each with room for the transport header before the payload and for padding and tag behind it, so
 * that sealing and opening need no copy.
 *
 *      offset            offset + 16                                offset + 16 + len
 *      | transport header | payload: IP packet or frames             | padding, tag |
 *
 * Packets on their way out lie in a chunk (chunk.h), to which the batch holds a reference: others
 * may lie there too, they may stay when the batch goes, and another batch may refer to them and
 * take them along another path. Whatever else there is lies in bytes that
 * are the batch's own: a frame, or on receive a whole GRO train as it came, datagram behind
 * datagram.
 *
 * Ownership moves with the pointer: whoever was handed a batch passes it on or gives it back with
 * batch_free(). Nobody else touches it meanwhile, so its members need no locks. Only what is sealed
 * and leaves on several paths is read by each of them, and freed by the last.
 */
#ifndef DATAPLANE_BATCH_H
#define DATAPLANE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "dataplane/chunk.h"
#include "dataplane/free_list.h"
#include "dataplane/route.h"
#include "dataplane/sequencer.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

struct batch_pool;
struct dp_peer;
struct keypair;

#define TRAIN_BYTES 65536u /* the longest GRO train, or the longest datagram */
#define BATCH_KEPT  0x10000u /* in paths_left: somebody keeps it */

enum batch_kind {
	BATCH_SEAL,   /* IP packets on their way out: sealed by a worker, then sent in order */
	BATCH_SEALED, /* datagrams that were sealed before, see batch_borrow(): they only leave */
	BATCH_LATE,   /* frames or a keepalive: sealed at the moment they leave */
	BATCH_OPEN,   /* datagrams that came in: opened by a worker, then delivered in order */
	BATCH_TURN, /* empty: the role of emitting, for the path or, with PATH_NONE, for arrivals */
	BATCH_FLUSH,     /* empty: makes packets that wait for their turn be looked at again */
	BATCH_HANDSHAKE, /* for the gate: a handshake message that came among data */
	BATCH_NOTICE,    /* for the control thread: frames that came in, or an address that moved */
};

struct segment {
	uint32_t offset; /* of the transport header in the batch's data */
	uint16_t len;    /* bytes of payload; of the whole datagram while BATCH_OPEN is not yet open
			  * and once BATCH_SEAL is sealed
			  */
	uint16_t age_us; /* receive: the kernel had it so long before the batch's time_ns */
};

struct batch {
	struct cds_wfcq_node inbox_node; /* in a worker's or the control thread's inbox */
	struct in_order order;           /* in sequencers: its path's or paths', or of arrivals */
	struct cds_lfs_node free_node;   /* on its way home */
	struct batch *next;              /* in a list of its owner */
	struct batch_pool *home;         /* set once; where it returns to */
	_Atomic unsigned paths_left;     /* send, on several or kept: how many it has still to leave
	                                  * on; and BATCH_KEPT
	                                  */

	enum batch_kind kind;
	uint8_t path_id;    /* send: the path, or the first one; receive: PATH_NONE if not known */
	uint8_t lane;       /* of a late batch */
	uint16_t path_mask; /* send: all paths that carry it */
	bool is_kept;       /* send: somebody may have it leave again (kept.h) */
	bool has_remote;    /* late: goes to route.remote rather than to the path's endpoint */
	bool copies_ecn;    /* sealing: the datagrams get the ECN field of their packets */
	bool is_whole;      /* late: a PROBE_WHOLE, the number of which is ... */
	uint16_t probe_seq; /* ... this */
	struct dp_peer *peer;    /* a reference, or NULL */
	struct keypair *keypair; /* a reference, or NULL */
	struct route route;      /* receive: where it came from */
	uint64_t time_ns;        /* receive: when; late ECHO: when the probe came */
	uint64_t first_counter;  /* sealing; notice: counter of the datagram */
	uint64_t rx_packets;     /* notice: heard on the path before this one */
	uint64_t copies;         /* receive: a bit for each segment that came before, and so was
	                          * not opened
	                          */
	uint32_t answer_bytes;   /* notice: what answers to it may weigh together, UDP payload */

	struct chunk *chunk; /* a reference to what its segments lie in; NULL: its own bytes */
	uint8_t *data;       /* that of the chunk, or its own; aligned to CACHE_LINE */
	uint32_t used;       /* own bytes up to the end of the last segment's slot */
	unsigned len;
	struct segment segment[BATCH_MAX];
	uint8_t ecn[BATCH_MAX]; /* field in the IP header around each (base/ecn.h); sending: once
	                         * it is sealed
	                         */
};

/* When the kernel took it in; of a train only of the first datagram is that known, and holds for
 * all.
 */
static inline uint64_t segment_came_ns(const struct batch *b, const struct segment *seg)
{
	return b->time_ns - seg->age_us * NS_PER_US;
}

static inline uint8_t *segment_header(const struct batch *b, const struct segment *seg)
{
	return b->data + seg->offset;
}

static inline uint8_t *segment_payload(const struct batch *b, const struct segment *seg)
{
	return b->data + seg->offset + TRANSPORT_HEADER_LEN;
}

/* Where its datagrams lie. Returns how many. */
static inline unsigned batch_refer(const struct batch *b, struct iovec ret[static BATCH_MAX])
{
	for (unsigned i = 0; i < b->len; i++)
		ret[i] = (struct iovec){segment_header(b, &b->segment[i]), b->segment[i].len};
	return b->len;
}

/* The batches one thread takes from, and what their packets lie in; others give back. Their number
 * and their bytes bound what the thread has in flight.
 *
 *   [I] set at creation   [O] the owning thread
 */
struct batch_pool {
	unsigned count;           /* [I] */
	unsigned fresh;           /* [O] of the batches were taken at least once */
	uint32_t bytes;           /* [I] of its own that each batch has */
	unsigned slots;           /* [I] datagrams of any length that fit into these */
	uint32_t stride;          /* [I] bytes from slot to slot, a multiple of CACHE_LINE */
	struct batch *batches;    /* [I] */
	uint8_t *memory;          /* [I] the batches' own bytes, one behind the other */
	struct free_list free;    /* those that are home again */
	struct chunk_pool chunks; /* for batch_get_for(), in pools for what is sent */
};

/* @count batches with @bytes of their own each, rounded up to CACHE_LINE; @slot_bytes, at most as
 * many, is the longest datagram to be stored. Memory is mapped now and touched when first used.
 * Returns 0 or -ENOMEM.
 */
int batch_pool_init(struct batch_pool *pool, unsigned count, uint32_t bytes, uint32_t slot_bytes);

/* @count batches without bytes of their own, for packets of which none takes more than @slot_bytes
 * in one of @chunks chunks of @chunk_bytes. The same.
 */
int batch_pool_init_chunks(struct batch_pool *pool, unsigned count, unsigned chunks,
                           uint32_t chunk_bytes, uint32_t slot_bytes);

/* All batches must have come home. */
void batch_pool_fini(struct batch_pool *pool);

/* An empty batch, or NULL when all are in flight. The pool's owner. */
struct batch *batch_get(struct batch_pool *pool);

/* The same, sleeping until one comes home: that is the back-pressure of the engine. Puts the thread
 * offline for RCU meanwhile, so no pointer read under RCU may be kept across it.
 */
struct batch *batch_get_wait(struct batch_pool *pool);

/* An empty batch in whose chunk there is room for a packet of @len bytes, or NULL. The owner of a
 * pool with chunks.
 */
struct batch *batch_get_for(struct batch_pool *pool, size_t len);

/* Whether batch_get() would succeed, in a pool with chunks batch_get_for() any packet. The pool's
 * owner.
 */
bool batch_pool_has_idle(struct batch_pool *pool);

/* Sleeps until batch_pool_has_idle(), for @timeout_ms at most; false when it has none. The pool's
 * owner, which goes offline for RCU meanwhile.
 */
bool batch_pool_await(struct batch_pool *pool, unsigned timeout_ms);

/* The same, for as long as it takes: the back-pressure of who sends. */
void batch_pool_wait(struct batch_pool *pool);

/* Sleeps until all have come home, for @timeout_ms at most; false when some have not. As above. */
bool batch_pool_await_all(struct batch_pool *pool, unsigned timeout_ms);

/* Another batch for @len datagrams of @from, which are sealed and lie in a chunk, from number
 * @first on: a BATCH_SEALED to leave on path @path_id of @peer, whose they are. They stay where
 * they are, and it holds references of its own to them and to the peer, so it may outlive @from,
 * which somebody has to hold during the call alone. The caller enters it into the path's order and
 * has it worked on. NULL without a batch in @pool, whose owner calls, or when the peer is going.
 */
struct batch *batch_borrow(struct batch_pool *pool, const struct batch *from, struct dp_peer *peer,
                           unsigned first, unsigned len, unsigned path_id);

/* How often batch_leave() is to be called, and whether batch_put_kept(); before it is passed on to
 * be sealed.
 */
static inline void batch_begin_leaving(struct batch *b)
{
	atomic_store_explicit(&b->paths_left,
	                      (unsigned)__builtin_popcount(b->path_mask) |
	                              (b->is_kept ? BATCH_KEPT : 0),
	                      memory_order_relaxed);
}

/* It has left on one of its paths; the last sends it home, unless it is kept. Any registered RCU
 * thread.
 */
void batch_leave(struct batch *b);

/* The next two are for whom it is kept. */
static inline bool batch_has_left(const struct batch *b)
{
	/* Acquire pairs with the release in batch_leave(): it is sealed. */
	return !(atomic_load_explicit(&b->paths_left, memory_order_acquire) & ~BATCH_KEPT);
}

void batch_put_kept(struct batch *b);

/* Gives up the references it holds and sends it home. NULL is allowed. Any registered RCU thread.
 */
void batch_free(struct batch *b);

/* Prepares the next slot of its own bytes and returns its segment; the caller checked that b->len <
 * slots, and all segments of the batch are made this way.
 */
static inline struct segment *batch_append(struct batch *b, uint32_t stride)
{
	struct segment *seg = &b->segment[b->len];

	*seg = (struct segment){.offset = b->used};
	b->ecn[b->len] = 0;
	b->used += stride;
	b->len++;
	return seg;
}

/* What a packet of @len bytes takes in a chunk. */
static inline uint32_t batch_piece_bytes(size_t len)
{
	return (uint32_t)align_up(align_up(len, PADDING_MULTIPLE) + TRANSPORT_OVERHEAD, CACHE_LINE);
}

/* Whether another packet of @len bytes fits, in its chunk and altogether. The next two are for whom
 * it was got for, until it is passed on.
 */
static inline bool batch_has_room_for(const struct batch *b, size_t len)
{
	return b->len < BATCH_MAX && chunk_has_room(b->chunk, batch_piece_bytes(len));
}

/* Where it goes; it fits. */
static inline uint8_t *batch_place(struct batch *b, size_t len)
{
	struct segment *seg = &b->segment[b->len++];

	seg->offset = chunk_cut(b->chunk, batch_piece_bytes(len));
	seg->len = (uint16_t)len;
	return segment_payload(b, seg);
}

#endif
