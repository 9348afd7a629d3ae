/* SPDX-License-Identifier: MIT */
#include "dataplane/read_buffer.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "vtrunkd/limits.h"

/* In transit: two rounds of packets, and of super-packets as many as a round takes of the shortest
 * of them. While one round waits for somebody else there is room for another.
 */
#define SHORT_TRANSIT (2 * BATCH_MAX)
#define LONG_TRANSIT  BATCH_MAX

/* Buffers of either size begin a cache line apart from where they would in their pages: else all
 * their beginnings would compete for the same few places of the cache.
 */
static struct read_stock make_stock(uint32_t bytes, unsigned transit_max)
{
	uint32_t stride = bytes + CACHE_LINE;

	return (struct read_stock){.stride = stride,
	                           .transit_max = transit_max,
	                           .count = transit_max + READ_WAIT_BYTES / stride};
}

static size_t bytes_of_buffers(const struct read_stock *stock)
{
	return align_up(stock->count * sizeof *stock->buffers, CACHE_LINE);
}

/* Returns where the next stock's mapping begins. */
static uint8_t *map_stock(struct read_stock *stock, uint8_t *at)
{
	stock->buffers = (struct read_buffer *)at;
	stock->memory = at + bytes_of_buffers(stock);
	return stock->memory + (size_t)stock->count * stock->stride;
}

static size_t bytes_of_stock(const struct read_stock *stock)
{
	return bytes_of_buffers(stock) + (size_t)stock->count * stock->stride;
}

int read_pool_init(struct read_pool *pool, unsigned id, uint32_t short_bytes, int wake_fd)
{
	*pool = (struct read_pool){.id = id,
	                           .short_bytes = (uint32_t)align_up(short_bytes, CACHE_LINE),
	                           .wake_fd = wake_fd};
	pool->stock[false] = make_stock(pool->short_bytes, SHORT_TRANSIT);
	pool->stock[true] = make_stock(SUPER_PACKET_BYTES_MAX, LONG_TRANSIT);
	pool->bytes = bytes_of_stock(&pool->stock[false]) + bytes_of_stock(&pool->stock[true]);
	pool->mapping = mmap(NULL, pool->bytes, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->mapping == MAP_FAILED) {
		pool->mapping = NULL;
		return -ENOMEM;
	}
	map_stock(&pool->stock[true], map_stock(&pool->stock[false], pool->mapping));
	cds_lfs_init(&pool->returned);
	return 0;
}

void read_pool_fini(struct read_pool *pool)
{
	if (pool->mapping)
		munmap(pool->mapping, pool->bytes);
	pool->mapping = NULL;
}

/* ---- idle ones ---- */

static void give(struct read_pool *pool, struct read_buffer *r)
{
	struct read_stock *stock = &pool->stock[r->is_long];

	r->next = stock->idle;
	stock->idle = r;
	stock->out--;
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

/* One that was never used, or NULL. */
static struct read_buffer *make(struct read_pool *pool, bool is_long)
{
	struct read_stock *stock = &pool->stock[is_long];
	struct read_buffer *r = &stock->buffers[stock->used];

	if (stock->used == stock->count)
		return NULL;
	r->home = pool;
	r->is_long = is_long;
	r->data = stock->memory + (size_t)stock->used * stock->stride;
	stock->used++;
	return r;
}

/* What waits is never more than what is out, since it is told of before it comes home. */
static bool is_room_of(struct read_pool *pool, bool is_long)
{
	struct read_stock *stock = &pool->stock[is_long];
	unsigned waiting = atomic_load_explicit(&pool->waiting[is_long], memory_order_relaxed);

	if (!stock->idle)
		take_returned(pool);
	if (!stock->idle)
		stock->idle = make(pool, is_long);
	return stock->idle && stock->out < stock->transit_max + waiting;
}

static bool is_room(struct read_pool *pool)
{
	return is_room_of(pool, false) && is_room_of(pool, true);
}

/* Sequentially consistent with wake(): either it sees that we wait, or we see what came home and
 * what waits now.
 */
bool read_pool_find_room(struct read_pool *pool)
{
	if (is_room(pool))
		return true;
	atomic_store(&pool->is_awaited, true);
	cmm_smp_mb();
	take_returned(pool);
	if (!is_room(pool))
		return false;
	atomic_store_explicit(&pool->is_awaited, false, memory_order_relaxed);
	return true;
}

/* After a full barrier. */
static void wake(struct read_pool *pool)
{
	if (atomic_load(&pool->is_awaited) && atomic_exchange(&pool->is_awaited, false))
		eventfd_write(pool->wake_fd, 1);
}

/* ---- those that are kept ---- */

/* @r is idle: the first one, unless others came home since it was. */
static struct read_buffer *take(struct read_stock *stock, struct read_buffer *r)
{
	struct read_buffer **at = &stock->idle;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	stock->out++;
	r->next = NULL;
	return r;
}

struct read_buffer *read_pool_keep(struct read_pool *pool, struct read_buffer *from, size_t len)
{
	struct read_buffer *r;

	if (len > pool->short_bytes)
		return take(&pool->stock[true], from);
	r = take(&pool->stock[false], pool->stock[false].idle);
	memcpy(r->data, from->data, len);
	r->cut = from->cut;
	super_packet_moved(&r->cut, r->data);
	return r;
}

void read_buffer_wait(struct read_buffer *r, void *holder)
{
	r->holder = holder;
	atomic_fetch_add(&r->home->waiting[r->is_long], 1);
	wake(r->home);
}

void read_buffer_put(struct read_buffer *r, const struct read_pool *mine)
{
	struct read_pool *home = r->home;

	if (r->holder) {
		r->holder = NULL;
		atomic_fetch_sub(&home->waiting[r->is_long], 1);
	}
	if (home == mine) {
		give(home, r);
		return;
	}
	cds_lfs_push(&home->returned, &r->free_node); /* a full barrier */
	wake(home);
}

int64_t read_pool_spare(const struct read_pool *pool)
{
	int64_t spare = READ_WAIT_BYTES;

	for (unsigned i = 0; i < 2; i++)
		spare -= (int64_t)pool->stock[i].stride *
		         atomic_load_explicit(&pool->waiting[i], memory_order_relaxed);
	return spare;
}

static void evict_of(struct read_stock *stock, void (*empty)(void *holder))
{
	for (unsigned i = 0; i < stock->used; i++) {
		if (stock->buffers[i].holder)
			empty(stock->buffers[i].holder);
	}
}

void read_pool_evict(struct read_pool *pool, void (*empty)(void *holder))
{
	evict_of(&pool->stock[false], empty);
	evict_of(&pool->stock[true], empty);
}
