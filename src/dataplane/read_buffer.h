/* SPDX-License-Identifier: MIT */
/* read_buffer.h - what a dispatcher read from the TUN device, until it is cut into packets.
 *
 * A read is a packet or a super-packet of up to 64 KB, and as a rule it is cut at once: so all go
 * into the same long buffer. What has to be kept for whoever cuts it later stays where it is if it
 * is long, and another buffer is read into from then on; if it is short it is copied into one of
 * the size of a packet, so that many of them take little memory.
 *
 * What is kept is in transit, on its way to somebody who is at work, or it waits until it can be
 * sent, which may never be. So that the latter is not in the way of the former, each has memory of
 * its own: as long as there are not too many in transit the dispatcher may read, whatever waits.
 * What waits has READ_WAIT_BYTES in all. Who has it wait is to see to it that this is not exceeded
 * and fairly shared (backlog.h); by what several threads do at once it may be for a moment.
 *
 * The buffers of a dispatcher are its own; whoever cut one up gives it back. Memory is mapped at
 * the start and touched as far as used; what came back last is used first.
 *
 *   [I] set at creation   [O] whoever has the buffer, the owner while it is idle
 */
#ifndef DATAPLANE_READ_BUFFER_H
#define DATAPLANE_READ_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <urcu/lfstack.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "dataplane/super_packet.h"
#include "sched/send_queue.h"

/* The longest packet that the kernel makes of several unless an administrator asks for more. */
#define SUPER_PACKET_BYTES_MAX 65536u

/* For each dispatcher: 40,000 packets of the usual length, many more than there are peers, or 1,023
 * super-packets.
 */
#define READ_WAIT_BYTES (64u << 20)

struct read_buffer {
	struct cds_wfcq_node node;     /* [O] as the first of a chain: in a peer's outflow */
	struct cds_lfs_node free_node; /* [O] on its way home */
	struct read_buffer *next;      /* [O] of its chain, or of the idle ones */
	struct read_pool *home;        /* [I] */
	uint8_t *data;                 /* [I] */
	bool is_long;                  /* [I] SUPER_PACKET_BYTES_MAX */
	void *holder;                  /* [O] for whom it waits; NULL: it does not */
	struct send_ticket ticket;     /* [O] while it waits */
	bool is_to_mark;               /* [O] while it waits: the next packet cut gets a mark */
	struct super_packet cut;       /* [O] what of it is still to be cut */
};

/* The buffers of one size. [I] set at creation   [T] the dispatcher */
struct read_stock {
	struct read_buffer *buffers; /* [I] */
	uint8_t *memory;             /* [I] of the first one */
	uint32_t stride;             /* [I] from there to the next one's */
	unsigned count;              /* [I] */
	unsigned transit_max;        /* [I] that may be in transit */
	unsigned used;               /* [T] the first so many; the others were never touched */
	unsigned out;                /* [T] in transit or waiting */
	struct read_buffer *idle;    /* [T] */
};

/* [I] set at creation   [T] the dispatcher   [A] any thread */
struct read_pool {
	struct read_stock stock[2]; /* short and long ones */
	void *mapping;              /* [I] */
	size_t bytes;               /* [I] of it */
	uint32_t short_bytes;       /* [I] */
	unsigned id;                /* [I] of the dispatcher */
	int wake_fd; /* [I] eventfd: written when there is room for who waits for it */

	_Alignas(CACHE_LINE) struct cds_lfs_stack returned; /* [A] */
	_Atomic bool is_awaited;                            /* [A] the dispatcher reads no more */

	_Alignas(CACHE_LINE) _Atomic unsigned waiting[2]; /* [A] of each stock */
};

/* Those of dispatcher @id. Short ones hold @short_bytes, the usual packet; @wake_fd stays the
 * caller's. 0 or -ENOMEM.
 */
int read_pool_init(struct read_pool *pool, unsigned id, uint32_t short_bytes, int wake_fd);

/* All must have come home. Also for one that is all zero. */
void read_pool_fini(struct read_pool *pool);

/* Looks closely, for read_pool_has_room(). [T] */
bool read_pool_find_room(struct read_pool *pool);

/* Whether there is room for a read. When not, wake_fd becomes readable when there may be. As a rule
 * nothing is kept, and then there is. [T]
 */
static inline bool read_pool_has_room(struct read_pool *pool)
{
	const struct read_stock *s = pool->stock;

	return (s[0].idle && s[1].idle && !(s[0].out | s[1].out)) || read_pool_find_room(pool);
}

/* What the next read goes into, SUPER_PACKET_BYTES_MAX, while there is room. It stays with the
 * pool, and is the next one again unless it is kept. [T]
 */
static inline struct read_buffer *read_pool_next(const struct read_pool *pool)
{
	return pool->stock[true].idle;
}

/* The @len bytes that were read into @from, which was the next one then, with what is still to be
 * cut of them, in a buffer of their own, which is in transit. The caller is to have it go home. [T]
 */
struct read_buffer *read_pool_keep(struct read_pool *pool, struct read_buffer *from, size_t len);

/* Sends it home; @mine: the pool of the running thread, or NULL. Any thread. */
void read_buffer_put(struct read_buffer *r, const struct read_pool *mine);

/* It is no longer in transit: it waits for @holder until it is put. Any thread. */
void read_buffer_wait(struct read_buffer *r, void *holder);

/* What of READ_WAIT_BYTES it takes. */
static inline uint32_t read_buffer_bytes(const struct read_buffer *r)
{
	return r->home->stock[r->is_long].stride;
}

/* What is left of READ_WAIT_BYTES; below 0: nothing, and too much waits. Any thread. */
int64_t read_pool_spare(const struct read_pool *pool);

/* Calls @empty for the holder of each read that waits, which is to put all of its reads. Nobody
 * else uses the pool any more.
 */
void read_pool_evict(struct read_pool *pool, void (*empty)(void *holder));

#endif
