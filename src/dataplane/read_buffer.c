/* SPDX-License-Identifier: MIT */
#include "dataplane/read_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "vtrunkd/limits.h"

/* Two rounds of packets, and of super-packets as many as a round takes of the shortest of them:
 * while one round waits for somebody else there is room for another.
 */
#define SHORT_COUNT (2 * BATCH_MAX)
#define LONG_COUNT  BATCH_MAX

static void give(struct read_pool *pool, struct read_buffer *r)
{
	struct read_buffer **idle = r->is_long ? &pool->long_idle : &pool->short_idle;

	r->next = *idle;
	*idle = r;
}

/* Buffers of either size begin a cache line apart from where they would in their pages: else all
 * their beginnings would compete for the same few places of the cache.
 */
static uint32_t stride_of(const struct read_pool *pool, bool is_long)
{
	return (is_long ? SUPER_PACKET_BYTES_MAX : pool->short_bytes) + CACHE_LINE;
}

static void hand_out(struct read_pool *pool)
{
	uint8_t *at = pool->memory;

	for (unsigned i = 0; i < SHORT_COUNT + LONG_COUNT; i++) {
		struct read_buffer *r = &pool->buffers[i];

		r->home = pool;
		r->is_long = i >= SHORT_COUNT;
		r->data = at;
		at += stride_of(pool, r->is_long);
		give(pool, r);
	}
	pool->packet = at;
}

int read_pool_init(struct read_pool *pool, unsigned id, uint32_t short_bytes, int wake_fd)
{
	*pool = (struct read_pool){.id = id,
	                           .short_bytes = (uint32_t)align_up(short_bytes, CACHE_LINE),
	                           .wake_fd = wake_fd};
	pool->bytes = (size_t)(SHORT_COUNT + 1) * stride_of(pool, false) +
	              (size_t)LONG_COUNT * stride_of(pool, true);
	pool->buffers = calloc(SHORT_COUNT + LONG_COUNT, sizeof *pool->buffers);
	if (!pool->buffers)
		return -ENOMEM;
	pool->memory = mmap(NULL, pool->bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED) {
		free(pool->buffers);
		pool->buffers = NULL;
		return -ENOMEM;
	}
	cds_lfs_init(&pool->returned);
	hand_out(pool);
	return 0;
}

void read_pool_fini(struct read_pool *pool)
{
	if (!pool->buffers)
		return;
	munmap(pool->memory, pool->bytes);
	free(pool->buffers);
	pool->buffers = NULL;
}

/* Only the owner pops, so pop_all needs no lock. */
static void take_returned(struct read_pool *pool)
{
	struct cds_lfs_node *node, *next;
	struct cds_lfs_head *head;

	if (cds_lfs_empty(&pool->returned))
		return;
	head = __cds_lfs_pop_all(&pool->returned);
	cds_lfs_for_each_safe(head, node, next)
	{
		give(pool, caa_container_of(node, struct read_buffer, free_node));
	}
}

static bool has_idle(struct read_pool *pool)
{
	if (!pool->short_idle || !pool->long_idle)
		take_returned(pool);
	return pool->short_idle && pool->long_idle;
}

/* Sequentially consistent with read_buffer_put(): either it sees that we wait, or we see what it
 * gave back.
 */
bool read_pool_has_room(struct read_pool *pool)
{
	if (has_idle(pool))
		return true;
	atomic_store(&pool->is_awaited, true);
	cmm_smp_mb();
	if (!has_idle(pool))
		return false;
	atomic_store_explicit(&pool->is_awaited, false, memory_order_relaxed);
	return true;
}

static struct read_buffer *take(struct read_buffer **idle)
{
	struct read_buffer *r = *idle;

	*idle = r->next;
	r->next = NULL;
	return r;
}

struct read_buffer *read_pool_keep(struct read_pool *pool, size_t len)
{
	struct read_buffer *from = pool->long_idle, *r;

	if (len > pool->short_bytes)
		return take(&pool->long_idle);
	r = take(&pool->short_idle);
	memcpy(r->data, from->data, len);
	r->cut = from->cut;
	super_packet_moved(&r->cut, r->data);
	return r;
}

void read_buffer_put(struct read_buffer *r, const struct read_pool *mine)
{
	struct read_pool *home = r->home;

	if (home == mine) {
		give(home, r);
		return;
	}
	cds_lfs_push(&home->returned, &r->free_node); /* a full barrier */
	if (atomic_load(&home->is_awaited) && atomic_exchange(&home->is_awaited, false))
		eventfd_write(home->wake_fd, 1);
}
