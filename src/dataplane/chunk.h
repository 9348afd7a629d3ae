/* SPDX-License-Identifier: MIT */
/* chunk.h - memory for what is sent: pieces, and who still refers to them.
 *
 * A thread cuts pieces off its open chunk, one behind the other, for the batches that it fills. A
 * batch holds one reference to the chunk that its datagrams lie in, and so does whoever keeps them
 * or sends them on another path: they stay where they are, nothing is copied. A chunk goes home
 * with its last reference. So what a thread has in flight is bounded in bytes, and a datagram takes
 * what it needs.
 *
 * When nobody but its thread refers to the open chunk it is begun anew: in the steady state of work
 * that is done in place, the same memory, still warm in the cache, is used again and again.
 *
 *   [I] set at creation   [O] the owning thread   [A] any thread
 */
#ifndef DATAPLANE_CHUNK_H
#define DATAPLANE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"
#include "base/reference.h"
#include "dataplane/free_list.h"

struct chunk_pool;

struct chunk {
	uint8_t *data;           /* [I] aligned to CACHE_LINE */
	struct chunk_pool *home; /* [I] */
	uint32_t bytes;          /* [I] */
	uint32_t used;           /* [O] bytes that were cut off */

	_Alignas(CACHE_LINE) struct reference references; /* [A] */
	struct cds_lfs_node free_node;                    /* on its way home */
};

struct chunk_pool {
	unsigned count;       /* [I] */
	uint32_t bytes;       /* [I] of each chunk */
	uint32_t longest;     /* [I] piece */
	struct chunk *chunks; /* [I] */
	uint8_t *memory;      /* [I] */
	struct chunk *open; /* [O] that pieces are cut off, with a reference of the pool; or NULL */
	struct free_list free; /* those that are home */
};

/* @count chunks of @bytes, a multiple of CACHE_LINE, of which no piece is longer than @longest.
 * Memory is mapped now and touched when first used. Returns 0 or -ENOMEM.
 */
int chunk_pool_init(struct chunk_pool *pool, unsigned count, uint32_t bytes, uint32_t longest);

/* All chunks must have come home. Also for one that is all zero. */
void chunk_pool_fini(struct chunk_pool *pool);

/* Whether the longest piece could be had. When not, one comes home, to pool->free, when it may. The
 * pool's owner.
 */
bool chunk_pool_has_room(struct chunk_pool *pool);

/* The chunk that has room for a piece of @bytes, with a reference for the caller, or NULL. The
 * pool's owner.
 */
struct chunk *chunk_take(struct chunk_pool *pool, uint32_t bytes);

/* Lays open no chunk any more: when all have come home, all are idle. The pool's owner. */
void chunk_pool_close(struct chunk_pool *pool);

/* How many chunks somebody refers to beside the pool itself. The pool's owner, for tests. */
unsigned chunk_pool_in_use(const struct chunk_pool *pool);

/* One more reference, by whoever has one. Returns @c. */
static inline struct chunk *chunk_get(struct chunk *c)
{
	bool is_alive = reference_get(&c->references);

	assert(is_alive);
	(void)is_alive;
	return c;
}

/* Any thread. */
void chunk_put(struct chunk *c);

/* The next two: the owner of the pool, with a reference to the chunk, be it the open one or not. */
static inline bool chunk_has_room(const struct chunk *c, uint32_t bytes)
{
	return c->bytes - c->used >= bytes;
}

/* Cuts off a piece, for which there is room; returns its offset. */
static inline uint32_t chunk_cut(struct chunk *c, uint32_t bytes)
{
	uint32_t offset = c->used;

	c->used += bytes;
	return offset;
}

#endif
