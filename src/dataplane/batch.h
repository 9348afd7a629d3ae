/* SPDX-License-Identifier: MIT */
/* batch.h - packets handled in one go, and the memory they lie in.
 *
 * A batch is the unit of everything: one queue node, one wake-up, one reservation of counters, one
 * crypto call, one system call. It belongs to one peer, one keypair and one direction, on send also
 * to one path, or to several that all carry it. It owns a fixed buffer; its segments are datagrams
 * in that buffer, each with room for the transport header before the payload and for padding and
 * tag behind it, so that sealing and opening need no copy. On receive a whole GRO train lies in the
 * buffer as it came, datagram behind datagram.
 *
 *      offset            offset + 16                                offset + 16 + len
 *      | transport header | payload: IP packet or frames             | padding, tag |
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
#include "dataplane/free_list.h"
#include "dataplane/route.h"
#include "dataplane/sequencer.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

struct batch_pool;
struct dp_peer;
struct keypair;

#define TRAIN_BYTES     65536u  /* the longest GRO train, or the longest datagram */
#define BATCH_BYTES_MAX 131072u /* what BATCH_MAX full packets need, unless they are jumbo ones */

enum batch_kind {
	BATCH_SEAL, /* IP packets on their way out: sealed by a worker, then sent in order */
	BATCH_LATE, /* frames or a keepalive: sealed at the moment they leave */
	BATCH_OPEN, /* datagrams that came in: opened by a worker, then delivered in order */
	BATCH_TURN, /* empty: the role of emitting, for the path or, with PATH_NONE, for arrivals */
	BATCH_FLUSH,     /* empty: makes packets that wait for their turn be looked at again */
	BATCH_HANDSHAKE, /* for the gate: a handshake message that came among data */
	BATCH_NOTICE,    /* for the control thread: frames that came in, or an address that moved */
};

struct segment {
	uint32_t offset; /* of the transport header in the buffer */
	uint16_t len;    /* bytes of payload; of the whole datagram while BATCH_OPEN is not yet open
			  * and once BATCH_SEAL is sealed
			  */
};

struct batch {
	struct cds_wfcq_node inbox_node; /* in a worker's or the control thread's inbox */
	struct in_order order;           /* in sequencers: its path's or paths', or of arrivals */
	struct cds_lfs_node free_node;   /* on its way home */
	struct batch *next;              /* in a list of its owner */
	struct batch_pool *home;         /* set once; where it returns to */
	_Atomic unsigned paths_left;     /* send on several: those that it has still to leave on */

	enum batch_kind kind;
	uint8_t path_id;    /* send: the path, or the first one; receive: PATH_NONE if not known */
	uint8_t lane;       /* of a late batch */
	uint16_t path_mask; /* send: all paths that carry it (redundant mode) */
	bool has_remote;    /* late: goes to route.remote rather than to the path's endpoint */
	struct dp_peer *peer;    /* a reference, or NULL */
	struct keypair *keypair; /* a reference, or NULL */
	struct route route;      /* receive: where it came from */
	uint64_t time_ns;        /* receive: when; late ECHO: when the probe came */
	uint64_t first_counter;  /* sealing; notice: counter of the datagram */
	uint64_t rx_packets;     /* notice: heard on the path before this one */
	uint32_t answer_bytes;   /* notice: what answers to it may weigh together, UDP payload */

	unsigned len;
	uint32_t used; /* bytes of the buffer up to the end of the last segment's slot */
	struct segment segment[BATCH_MAX];
	uint8_t *data; /* of the pool's bytes, aligned to CACHE_LINE; set once */
};

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

/* The batches one thread takes from; others give back. Their number is the bound on what the thread
 * has in flight.
 *
 *   [I] set at creation   [O] the owning thread   [A] any thread
 */
struct batch_pool {
	unsigned count;        /* [I] */
	uint32_t bytes;        /* [I] of each batch's buffer */
	unsigned slots;        /* [I] datagrams of any length that fit into one batch */
	uint32_t stride;       /* [I] bytes from slot to slot, a multiple of CACHE_LINE */
	struct batch *batches; /* [I] */
	uint8_t *memory;       /* [I] */
	struct free_list free; /* those that are home */
};

/* @count batches of @bytes each, rounded up to CACHE_LINE; @slot_bytes, at most as many, is the
 * longest datagram to be stored. Memory is mapped now and touched when first used. Returns 0 or
 * -ENOMEM.
 */
int batch_pool_init(struct batch_pool *pool, unsigned count, uint32_t bytes, uint32_t slot_bytes);

/* The bytes of a buffer that holds BATCH_MAX datagrams of @slot_bytes, or as many of them as
 * BATCH_BYTES_MAX allows.
 */
uint32_t batch_bytes_for(uint32_t slot_bytes);

/* All batches must have come home. */
void batch_pool_fini(struct batch_pool *pool);

/* An empty batch, or NULL when all are in flight. The pool's owner. */
struct batch *batch_get(struct batch_pool *pool);

/* The same, sleeping until one comes home: that is the back-pressure of the engine. Puts the thread
 * offline for RCU meanwhile, so no pointer read under RCU may be kept across it.
 */
struct batch *batch_get_wait(struct batch_pool *pool);

/* Sleeps until batch_get() would succeed, for @timeout_ms at most; false when it would not. The
 * pool's owner, which goes offline for RCU meanwhile.
 */
bool batch_pool_await(struct batch_pool *pool, unsigned timeout_ms);

/* Sleeps until all have come home, for @timeout_ms at most; false when some have not. As above. */
bool batch_pool_await_all(struct batch_pool *pool, unsigned timeout_ms);

/* Gives up the references it holds and sends it home. NULL is allowed. Any registered RCU thread.
 */
void batch_free(struct batch *b);

/* Whether batch_get() would succeed. The pool's owner. */
bool batch_pool_has_idle(struct batch_pool *pool);

/* Prepares the next slot and returns its segment; the caller checked that b->len < slots, and all
 * segments of the batch are made this way.
 */
static inline struct segment *batch_append(struct batch *b, uint32_t stride)
{
	struct segment *seg = &b->segment[b->len];

	seg->offset = b->used;
	seg->len = 0;
	b->used += stride;
	b->len++;
	return seg;
}

#endif
