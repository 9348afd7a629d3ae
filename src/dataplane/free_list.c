/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/free_list.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void free_list_init(struct free_list *list)
{
	list->idle = NULL;
	cds_lfs_init(&list->returned);
	atomic_init(&list->is_waiting, 0);
}

void free_list_put(struct free_list *list, struct cds_lfs_node *node)
{
	cds_lfs_push(&list->returned, node); /* a full barrier: see free_list_await() */
	if (atomic_load(&list->is_waiting) && atomic_exchange(&list->is_waiting, 0))
		syscall(SYS_futex, &list->is_waiting, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Only the owner pops, so pop_all needs no lock. */
static void take_returned(struct free_list *list)
{
	struct cds_lfs_node *idle = list->idle, **at = &list->idle;
	struct cds_lfs_head *head;

	if (cds_lfs_empty(&list->returned))
		return;
	head = __cds_lfs_pop_all(&list->returned);
	*at = &head->node;
	while (*at)
		at = &(*at)->next;
	*at = idle;
}

struct cds_lfs_node *free_list_get(struct free_list *list)
{
	struct cds_lfs_node *node;

	take_returned(list);
	node = list->idle;
	if (node)
		list->idle = node->next;
	return node;
}

bool free_list_has_any(struct free_list *list)
{
	if (!list->idle)
		take_returned(list);
	return list->idle != NULL;
}

unsigned free_list_count(struct free_list *list)
{
	unsigned count = 0;

	take_returned(list);
	for (const struct cds_lfs_node *node = list->idle; node; node = node->next)
		count++;
	return count;
}

/* A full barrier on both sides: either the one who gives back sees that we wait, or we see what was
 * given back.
 */
void free_list_await(struct free_list *list, const struct timespec *timeout)
{
	atomic_store(&list->is_waiting, 1);
	cmm_smp_mb();
	if (cds_lfs_empty(&list->returned)) {
		rcu_thread_offline();
		syscall(SYS_futex, &list->is_waiting, FUTEX_WAIT_PRIVATE, 1, timeout, NULL, 0);
		rcu_thread_online();
	}
	atomic_store_explicit(&list->is_waiting, 0, memory_order_relaxed);
}
