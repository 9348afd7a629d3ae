/* SPDX-License-Identifier: MIT */
/* read_buffer.h - what a dispatcher read from the TUN device, until it is cut into packets.
 *
 * A read is a packet or a super-packet of up to 64 KB, and as a rule it is cut at once: so all go
 * into the same long buffer. What has to be kept for whoever cuts it later stays where it is if it
 * is long, and another buffer is read into from then on; if it is short it is copied into one of
 * the size of a packet, so that many of them take little memory.
 *
 * The buffers of a dispatcher are its own; whoever cut one up gives it back. As long as some of
 * each size are there the dispatcher may read. Memory is mapped at the start and touched as far as
 * used; what came back last is used first.
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

/* The longest packet that the kernel makes of several unless an administrator asks for more. */
#define SUPER_PACKET_BYTES_MAX 65536u

struct read_buffer {
	struct cds_wfcq_node node;     /* [O] as the first of a chain: in a peer's outflow */
	struct cds_lfs_node free_node; /* [O] on its way home */
	struct read_buffer *next;      /* [O] of its chain, or of the idle ones */
	struct read_pool *home;        /* [I] */
	uint8_t *data;                 /* [I] */
	bool is_long;                  /* [I] SUPER_PACKET_BYTES_MAX */
	struct super_packet cut;       /* [O] what of it is still to be cut */
};

/* [I] set at creation   [T] the dispatcher   [A] any thread */
struct read_pool {
	struct read_buffer *buffers;    /* [I] */
	uint8_t *memory;                /* [I] */
	size_t bytes;                   /* [I] of the memory */
	uint32_t short_bytes;           /* [I] */
	unsigned id;                    /* [I] of the dispatcher */
	int wake_fd;                    /* [I] eventfd: written when one came home to who waits */
	uint8_t *packet;                /* [T] room for one packet, for whatever */
	struct read_buffer *short_idle; /* [T] */
	struct read_buffer *long_idle;  /* [T] */

	_Alignas(CACHE_LINE) struct cds_lfs_stack returned; /* [A] */
	_Atomic bool is_awaited;                            /* [A] the dispatcher reads no more */
};

/* Those of dispatcher @id. Short ones hold @short_bytes, the usual packet; @wake_fd stays the
 * caller's. 0 or -ENOMEM.
 */
int read_pool_init(struct read_pool *pool, unsigned id, uint32_t short_bytes, int wake_fd);

/* All must have come home. Also for one that is all zero. */
void read_pool_fini(struct read_pool *pool);

/* Whether there is room for a read. When not, wake_fd becomes readable when there may be. [T] */
bool read_pool_has_room(struct read_pool *pool);

/* What the next read goes into, SUPER_PACKET_BYTES_MAX, while there is room. It stays with the
 * pool, and is the next one again unless it is kept. [T]
 */
static inline struct read_buffer *read_pool_next(const struct read_pool *pool)
{
	return pool->long_idle;
}

/* The @len bytes that were read, with what is still to be cut of them, in a buffer of their own.
 * The caller is to have it go home. [T]
 */
struct read_buffer *read_pool_keep(struct read_pool *pool, size_t len);

/* Sends it home; @mine: the pool of the running thread, or NULL. Any thread. */
void read_buffer_put(struct read_buffer *r, const struct read_pool *mine);

#endif
