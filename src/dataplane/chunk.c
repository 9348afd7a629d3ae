/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/chunk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void hand_out(struct chunk_pool *pool)
{
	for (unsigned i = pool->count; i-- > 0;) {
		struct chunk *c = &pool->chunks[i];

		*c = (struct chunk){.data = pool->memory + (size_t)i * pool->bytes,
		                    .home = pool,
		                    .bytes = pool->bytes};
		free_list_put(&pool->free, &c->free_node);
	}
}

int chunk_pool_init(struct chunk_pool *pool, unsigned count, uint32_t bytes, uint32_t longest)
{
	*pool = (struct chunk_pool){.count = count, .bytes = bytes, .longest = longest};
	assert(bytes % CACHE_LINE == 0 && longest <= bytes);
	pool->chunks = aligned_alloc(CACHE_LINE, count * sizeof *pool->chunks);
	if (!pool->chunks)
		return -ENOMEM;
	pool->memory = mmap(NULL, (size_t)count * bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED) {
		free(pool->chunks);
		*pool = (struct chunk_pool){0};
		return -ENOMEM;
	}
	free_list_init(&pool->free);
	hand_out(pool);
	return 0;
}

void chunk_pool_fini(struct chunk_pool *pool)
{
	if (!pool->chunks)
		return;
	munmap(pool->memory, (size_t)pool->count * pool->bytes);
	free(pool->chunks);
	*pool = (struct chunk_pool){0};
}

void chunk_put(struct chunk *c)
{
	if (reference_put(&c->references))
		free_list_put(&c->home->free, &c->free_node);
}

void chunk_pool_close(struct chunk_pool *pool)
{
	struct chunk *c = pool->open;

	pool->open = NULL;
	if (c)
		chunk_put(c);
}

/* Nobody can have come to refer to it who had no reference before. */
static bool is_left_alone(const struct chunk *c)
{
	return c && reference_is_sole(&c->references);
}

/* Lays open a chunk with room for @bytes, if there is one. An open one without is let go of, so
 * that it comes home like any other, which is what is waited for.
 */
static bool open_for(struct chunk_pool *pool, uint32_t bytes)
{
	struct chunk *c = pool->open;
	struct cds_lfs_node *node;

	if (c && chunk_has_room(c, bytes))
		return true;
	if (is_left_alone(c)) {
		c->used = 0;
		return true;
	}
	chunk_pool_close(pool);
	node = free_list_get(&pool->free);
	if (!node)
		return false;
	c = caa_container_of(node, struct chunk, free_node);
	c->used = 0;
	reference_init(&c->references);
	pool->open = c;
	return true;
}

bool chunk_pool_has_room(struct chunk_pool *pool)
{
	return open_for(pool, pool->longest);
}

struct chunk *chunk_take(struct chunk_pool *pool, uint32_t bytes)
{
	if (is_left_alone(pool->open))
		pool->open->used = 0;
	return open_for(pool, bytes) ? chunk_get(pool->open) : NULL;
}

unsigned chunk_pool_in_use(const struct chunk_pool *pool)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pool->count; i++) {
		const struct chunk *c = &pool->chunks[i];

		count += reference_count(&c->references) > (c == pool->open);
	}
	return count;
}
