/* SPDX-License-Identifier: MIT */
/* free_list.h - what a pool has to give: one thread takes, any thread gives back.
 *
 * What others give back lies in a lock-free stack until the owner takes it over as a whole: so no
 * two threads ever compete for taking, and giving never waits. What came home last is taken first:
 * it is still warm in the cache, and a pool touches no more memory than it ever had in flight. The
 * owner may sleep until something comes, and is woken only when it has said that it sleeps.
 *
 *   [O] the owning thread   [A] any thread
 */
#ifndef DATAPLANE_FREE_LIST_H
#define DATAPLANE_FREE_LIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <urcu/lfstack.h>

#include "base/align.h"

struct free_list {
	struct cds_lfs_node *idle; /* [O] those that were taken over, linked by next */

	_Alignas(CACHE_LINE) struct cds_lfs_stack returned; /* [A] */
	_Atomic uint32_t is_waiting;                        /* [A] futex: the owner sleeps */
};

/* Empty. */
void free_list_init(struct free_list *list);

/* Any thread, for what is its own until then. */
void free_list_put(struct free_list *list, struct cds_lfs_node *node);

/* The one that came last, or NULL. The owner. */
struct cds_lfs_node *free_list_get(struct free_list *list);

/* Whether free_list_get() would give one. The owner. */
bool free_list_has_any(struct free_list *list);

/* How many free_list_get() would give. The owner. */
unsigned free_list_count(struct free_list *list);

/* Sleeps until one has come home that is not taken over yet, a signal comes, or @timeout (NULL:
 * none) is over. The owner, which goes offline for RCU meanwhile, so no pointer read under RCU may
 * be kept across it.
 */
void free_list_await(struct free_list *list, const struct timespec *timeout);

#endif
