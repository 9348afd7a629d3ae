/* SPDX-License-Identifier: MIT */
/* Chunks of cells come from mmap() and are never given back: the arena stays as large as it once
 * had to be. A free cell is all zero but for the link to the next one.
 */
#include "crypto/secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "crypto/aead.h"

#define CHUNK_LEN (64u << 10) /* bytes: a multiple of every page size Linux has, 256 cells */

struct free_cell {
	struct free_cell *next;
};

static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static struct free_cell *free_cells;
static bool all_locked = true;

static void push(struct free_cell *cell)
{
	cell->next = free_cells;
	free_cells = cell;
}

static bool grow(void)
{
	uint8_t *chunk =
		mmap(NULL, CHUNK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return false;
	if (mlock(chunk, CHUNK_LEN) || madvise(chunk, CHUNK_LEN, MADV_DONTDUMP))
		all_locked = false;
	for (size_t at = CHUNK_LEN; at > 0; at -= SECRET_CELL_LEN)
		push((struct free_cell *)(chunk + at - SECRET_CELL_LEN));
	return true;
}

void *secret_alloc(size_t len)
{
	struct free_cell *cell = NULL;

	if (len > SECRET_CELL_LEN)
		return NULL;
	pthread_mutex_lock(&arena_lock);
	if (free_cells || grow()) {
		cell = free_cells;
		free_cells = cell->next;
		cell->next = NULL;
	}
	pthread_mutex_unlock(&arena_lock);
	return cell;
}

void secret_free(void *cell)
{
	if (!cell)
		return;
	secret_wipe(cell, SECRET_CELL_LEN);
	pthread_mutex_lock(&arena_lock);
	push(cell);
	pthread_mutex_unlock(&arena_lock);
}

_Bool secret_locked(void)
{
	pthread_mutex_lock(&arena_lock);
	bool locked = all_locked;
	pthread_mutex_unlock(&arena_lock);
	return locked;
}

int secret_forbid_dumps(void)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}
