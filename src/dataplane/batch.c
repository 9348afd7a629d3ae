/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/peer.h"

/* Descriptors are touched when they are taken for the first time. */
static int init_batches(struct batch_pool *pool, unsigned count)
{
	*pool = (struct batch_pool){.count = count};
	pool->batches = calloc(count, sizeof *pool->batches);
	free_list_init(&pool->free);
	return pool->batches ? 0 : -ENOMEM;
}

int batch_pool_init(struct batch_pool *pool, unsigned count, uint32_t bytes, uint32_t slot_bytes)
{
	int r = init_batches(pool, count);

	if (r)
		return r;
	pool->bytes = (uint32_t)align_up(bytes, CACHE_LINE);
	pool->stride = (uint32_t)align_up(slot_bytes, CACHE_LINE);
	pool->slots = pool->bytes / pool->stride;
	if (pool->slots > BATCH_MAX)
		pool->slots = BATCH_MAX;
	assert(pool->slots > 0);
	pool->memory = mmap(NULL, (size_t)count * pool->bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory != MAP_FAILED)
		return 0;
	free(pool->batches);
	*pool = (struct batch_pool){0};
	return -ENOMEM;
}

int batch_pool_init_chunks(struct batch_pool *pool, unsigned count, unsigned chunks,
                           uint32_t chunk_bytes, uint32_t slot_bytes)
{
	int r = init_batches(pool, count);

	if (r)
		return r;
	r = chunk_pool_init(&pool->chunks, chunks, chunk_bytes,
	                    (uint32_t)align_up(slot_bytes, CACHE_LINE));
	if (!r)
		return 0;
	free(pool->batches);
	*pool = (struct batch_pool){0};
	return r;
}

void batch_pool_fini(struct batch_pool *pool)
{
	if (!pool->batches)
		return;
	if (pool->memory)
		munmap(pool->memory, (size_t)pool->count * pool->bytes);
	chunk_pool_fini(&pool->chunks);
	free(pool->batches);
	*pool = (struct batch_pool){0};
}

static bool has_chunks(const struct batch_pool *pool)
{
	return pool->chunks.count > 0;
}

static bool has_batch(struct batch_pool *pool)
{
	return pool->fresh < pool->count || free_list_has_any(&pool->free);
}

/* Where that comes home to of which it has none left, or NULL. */
static struct free_list *lacking(struct batch_pool *pool)
{
	if (!has_batch(pool))
		return &pool->free;
	if (has_chunks(pool) && !chunk_pool_has_room(&pool->chunks))
		return &pool->chunks.free;
	return NULL;
}

bool batch_pool_has_idle(struct batch_pool *pool)
{
	return !lacking(pool);
}

static uint8_t *own_bytes(const struct batch *b)
{
	const struct batch_pool *pool = b->home;

	return pool->memory ? pool->memory + (size_t)(b - pool->batches) * pool->bytes : NULL;
}

/* One that was never taken. */
static struct batch *take_fresh(struct batch_pool *pool)
{
	struct batch *b;

	if (pool->fresh == pool->count)
		return NULL;
	b = &pool->batches[pool->fresh++];
	b->home = pool;
	b->data = own_bytes(b);
	return b;
}

struct batch *batch_get(struct batch_pool *pool)
{
	struct cds_lfs_node *node = free_list_get(&pool->free);
	struct batch *b;

	b = node ? caa_container_of(node, struct batch, free_node) : take_fresh(pool);
	if (!b)
		return NULL;
	b->next = NULL;
	b->len = 0;
	b->used = 0;
	b->path_id = PATH_NONE;
	b->path_mask = 0;
	b->has_remote = false;
	b->is_kept = false;
	b->copies = 0;
	b->copies_ecn = false;
	b->peer = NULL;
	b->keypair = NULL;
	return b;
}

struct batch *batch_get_for(struct batch_pool *pool, size_t len)
{
	struct chunk *chunk = chunk_take(&pool->chunks, batch_piece_bytes(len));
	struct batch *b;

	if (!chunk)
		return NULL;
	b = batch_get(pool);
	if (!b) {
		chunk_put(chunk);
		return NULL;
	}
	b->chunk = chunk;
	b->data = chunk->data;
	return b;
}

struct batch *batch_get_wait(struct batch_pool *pool)
{
	struct batch *b;

	while (!(b = batch_get(pool)))
		free_list_await(&pool->free, NULL);
	return b;
}

bool batch_pool_await(struct batch_pool *pool, unsigned timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
	                           .tv_nsec = timeout_ms % 1000 * 1000000l};

	struct free_list *list = lacking(pool);

	if (list)
		free_list_await(list, &timeout);
	return batch_pool_has_idle(pool);
}

void batch_pool_wait(struct batch_pool *pool)
{
	struct free_list *list;

	while ((list = lacking(pool)))
		free_list_await(list, NULL);
}

/* With the batches that lay in them the chunks have come home. */
static bool are_all_home(struct batch_pool *pool)
{
	return free_list_count(&pool->free) == pool->fresh;
}

bool batch_pool_await_all(struct batch_pool *pool, unsigned timeout_ms)
{
	uint64_t now_ns = clock_boot_ns(), end_ns = now_ns + timeout_ms * NS_PER_MS;

	while (!are_all_home(pool)) {
		struct timespec left = {.tv_nsec = (long)(end_ns - now_ns) % NS_PER_S,
		                        .tv_sec = (time_t)((end_ns - now_ns) / NS_PER_S)};

		free_list_await(&pool->free, &left);
		now_ns = clock_boot_ns();
		if (now_ns >= end_ns)
			return are_all_home(pool);
	}
	return true;
}

struct batch *batch_borrow(struct batch_pool *pool, const struct batch *from, struct dp_peer *peer,
                           unsigned first, unsigned len, unsigned path_id)
{
	struct batch *b = batch_get(pool);

	assert(from->chunk && first + len <= from->len);
	if (!b)
		return NULL;
	b->peer = dp_peer_get(peer);
	if (!b->peer) {
		batch_free(b);
		return NULL;
	}
	b->kind = BATCH_SEALED;
	b->path_id = (uint8_t)path_id;
	b->path_mask = (uint16_t)(1u << path_id);
	b->chunk = chunk_get(from->chunk);
	b->data = from->data;
	b->len = len;
	memcpy(b->segment, &from->segment[first], len * sizeof *b->segment);
	memcpy(b->ecn, &from->ecn[first], len * sizeof *b->ecn);
	return b;
}

static void leave_chunk(struct batch *b)
{
	chunk_put(b->chunk);
	b->chunk = NULL;
	b->data = own_bytes(b);
}

/* Unless it is the last path: nobody but who leaves counts down, so that stays true. Acquire and
 * release: the others have done with it before the last goes on.
 */
static bool leave_to_others(struct batch *b)
{
	unsigned left = atomic_load_explicit(&b->paths_left, memory_order_acquire);

	while ((left & ~BATCH_KEPT) > 1) {
		if (atomic_compare_exchange_weak_explicit(&b->paths_left, &left, left - 1,
		                                          memory_order_acq_rel,
		                                          memory_order_acquire))
			return true;
	}
	return false;
}

/* After the count it is for whom it is kept. */
static void leave_to_keeper(struct batch *b)
{
	struct dp_peer *peer = b->peer;
	struct keypair *kp = b->keypair;

	b->peer = NULL;
	b->keypair = NULL;
	if (atomic_fetch_sub_explicit(&b->paths_left, 1, memory_order_acq_rel) == 1)
		batch_free(b);
	keypair_put(kp);
	dp_peer_put(peer);
}

void batch_leave(struct batch *b)
{
	bool is_alone = (b->path_mask & (b->path_mask - 1)) == 0;

	if (!is_alone && leave_to_others(b))
		return;
	if (b->is_kept)
		leave_to_keeper(b);
	else
		batch_free(b);
}

void batch_put_kept(struct batch *b)
{
	if (atomic_fetch_and_explicit(&b->paths_left, ~BATCH_KEPT, memory_order_acq_rel) ==
	    BATCH_KEPT)
		batch_free(b);
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	keypair_put(b->keypair);
	dp_peer_put(b->peer);
	b->keypair = NULL;
	b->peer = NULL;
	if (b->chunk)
		leave_chunk(b);
	free_list_put(&b->home->free, &b->free_node);
}
