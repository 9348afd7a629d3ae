/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/peer.h"

uint32_t batch_bytes_for(uint32_t slot_bytes)
{
	uint32_t stride = (uint32_t)align_up(slot_bytes, CACHE_LINE);

	return stride < BATCH_BYTES_MAX / BATCH_MAX ? stride * BATCH_MAX : BATCH_BYTES_MAX;
}

int batch_pool_init(struct batch_pool *pool, unsigned count, uint32_t bytes, uint32_t slot_bytes)
{
	*pool = (struct batch_pool){.count = count, .bytes = (uint32_t)align_up(bytes, CACHE_LINE)};
	pool->stride = (uint32_t)align_up(slot_bytes, CACHE_LINE);
	pool->slots = pool->bytes / pool->stride;
	if (pool->slots > BATCH_MAX)
		pool->slots = BATCH_MAX;
	assert(pool->slots > 0);
	pool->batches = calloc(count, sizeof *pool->batches);
	if (!pool->batches)
		return -ENOMEM;
	pool->memory = mmap(NULL, (size_t)count * pool->bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED) {
		free(pool->batches);
		*pool = (struct batch_pool){0};
		return -ENOMEM;
	}
	free_list_init(&pool->free);
	for (unsigned i = count; i-- > 0;) {
		struct batch *b = &pool->batches[i];

		b->home = pool;
		b->data = pool->memory + (size_t)i * pool->bytes;
		free_list_put(&pool->free, &b->free_node);
	}
	return 0;
}

void batch_pool_fini(struct batch_pool *pool)
{
	if (!pool->batches)
		return;
	munmap(pool->memory, (size_t)pool->count * pool->bytes);
	free(pool->batches);
	*pool = (struct batch_pool){0};
}

bool batch_pool_has_idle(struct batch_pool *pool)
{
	return free_list_has_any(&pool->free);
}

struct batch *batch_get(struct batch_pool *pool)
{
	struct cds_lfs_node *node = free_list_get(&pool->free);
	struct batch *b;

	if (!node)
		return NULL;
	b = caa_container_of(node, struct batch, free_node);
	b->next = NULL;
	b->len = 0;
	b->used = 0;
	b->path_id = PATH_NONE;
	b->path_mask = 0;
	b->has_remote = false;
	b->peer = NULL;
	b->keypair = NULL;
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

	if (!batch_pool_has_idle(pool))
		free_list_await(&pool->free, &timeout);
	return batch_pool_has_idle(pool);
}

static bool are_all_home(struct batch_pool *pool)
{
	return free_list_count(&pool->free) == pool->count;
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

void batch_free(struct batch *b)
{
	if (!b)
		return;
	keypair_put(b->keypair);
	dp_peer_put(b->peer);
	b->keypair = NULL;
	b->peer = NULL;
	free_list_put(&b->home->free, &b->free_node);
}
