/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/batch.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	cds_lfs_init(&pool->returned);
	for (unsigned i = count; i-- > 0;) {
		struct batch *b = &pool->batches[i];

		b->home = pool;
		b->data = pool->memory + (size_t)i * pool->bytes;
		b->next = pool->idle;
		pool->idle = b;
	}
	return 0;
}

/* Puts what came back since the last time before the idle ones, the newest first: it is still warm
 * in the cache, and a pool touches no more memory than it ever had in flight. Only the owner pops,
 * so pop_all needs no lock.
 */
static void take_returned(struct batch_pool *pool)
{
	struct cds_lfs_node *node, *next;
	struct cds_lfs_head *head;
	struct batch **at = &pool->idle, *idle = pool->idle;

	if (cds_lfs_empty(&pool->returned))
		return;
	head = __cds_lfs_pop_all(&pool->returned);
	cds_lfs_for_each_safe(head, node, next)
	{
		*at = caa_container_of(node, struct batch, free_node);
		at = &(*at)->next;
	}
	*at = idle;
}

void batch_pool_fini(struct batch_pool *pool)
{
	if (!pool->batches)
		return;
	take_returned(pool);
	munmap(pool->memory, (size_t)pool->count * pool->bytes);
	free(pool->batches);
	*pool = (struct batch_pool){0};
}

bool batch_pool_has_idle(struct batch_pool *pool)
{
	if (!pool->idle)
		take_returned(pool);
	return pool->idle != NULL;
}

struct batch *batch_get(struct batch_pool *pool)
{
	struct batch *b;

	take_returned(pool);
	b = pool->idle;
	if (!b)
		return NULL;
	pool->idle = b->next;
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

/* Until something was given back, a signal comes, or @timeout (NULL: none) is over. */
static void sleep_until_returned(struct batch_pool *pool, const struct timespec *timeout)
{
	/* A full barrier on both sides: either the one who gives back sees that we wait, or we see
	 * what was given back.
	 */
	atomic_store(&pool->is_waiting, 1);
	cmm_smp_mb();
	if (cds_lfs_empty(&pool->returned)) {
		rcu_thread_offline();
		syscall(SYS_futex, &pool->is_waiting, FUTEX_WAIT_PRIVATE, 1, timeout, NULL, 0);
		rcu_thread_online();
	}
	atomic_store_explicit(&pool->is_waiting, 0, memory_order_relaxed);
}

struct batch *batch_get_wait(struct batch_pool *pool)
{
	struct batch *b;

	while (!(b = batch_get(pool)))
		sleep_until_returned(pool, NULL);
	return b;
}

bool batch_pool_await(struct batch_pool *pool, unsigned timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
	                           .tv_nsec = timeout_ms % 1000 * 1000000l};

	if (!batch_pool_has_idle(pool))
		sleep_until_returned(pool, &timeout);
	return batch_pool_has_idle(pool);
}

static bool are_all_home(struct batch_pool *pool)
{
	unsigned count = 0;

	take_returned(pool);
	for (const struct batch *b = pool->idle; b; b = b->next)
		count++;
	return count == pool->count;
}

bool batch_pool_await_all(struct batch_pool *pool, unsigned timeout_ms)
{
	uint64_t now_ns = clock_boot_ns(), end_ns = now_ns + timeout_ms * NS_PER_MS;

	while (!are_all_home(pool)) {
		struct timespec left = {.tv_nsec = (long)(end_ns - now_ns) % NS_PER_S,
		                        .tv_sec = (time_t)((end_ns - now_ns) / NS_PER_S)};

		sleep_until_returned(pool, &left);
		now_ns = clock_boot_ns();
		if (now_ns >= end_ns)
			return are_all_home(pool);
	}
	return true;
}

void batch_free(struct batch *b)
{
	struct batch_pool *pool;

	if (!b)
		return;
	pool = b->home;
	keypair_put(b->keypair);
	dp_peer_put(b->peer);
	b->keypair = NULL;
	b->peer = NULL;
	cds_lfs_push(&pool->returned, &b->free_node); /* a full barrier: see batch_get_wait() */
	if (atomic_load(&pool->is_waiting) && atomic_exchange(&pool->is_waiting, 0))
		syscall(SYS_futex, &pool->is_waiting, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
