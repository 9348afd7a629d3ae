/* SPDX-License-Identifier: MIT */
#include "sched/account.h"

#include <stdlib.h>

void account_fini(struct account *account)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		free(atomic_load_explicit(&account->path[i], memory_order_relaxed));
	*account = (struct account){0};
}

struct account_path *account_begin_path(struct account *account, unsigned path_id)
{
	struct account_path *path = calloc(1, sizeof *path);

	atomic_store_explicit(&account->path[path_id], path, memory_order_release);
	return path;
}

/* Of the paths that were asked. */
static uint8_t highest_rank(const struct path_table *table, const struct account_choice *choice)
{
	uint8_t rank = 0;

	for (unsigned i = 0; i < path_table_all(table); i++) {
		if (choice->found[table->slot[i].path_id] != FOUND_NOTHING)
			rank = table->slot[i].rank;
	}
	return rank;
}

/* Why a path was not even asked: who is asked is decided in this order (stripe_paths_for()). */
static enum account_finding why_passed_over(const struct path_slot *slot, uint16_t dead,
                                            uint8_t rank, uint32_t bytes)
{
	if (dead >> slot->path_id & 1)
		return FOUND_DEAD;
	if (slot->rank > rank)
		return FOUND_SPARE;
	return path_slot_fits(slot, bytes) ? FOUND_UNKNOWN : FOUND_SMALL;
}

static uint64_t waited_since(const struct account *account, uint64_t now_ns)
{
	uint64_t since_ns = now_ns > account->asked_ns ? now_ns - account->asked_ns : 0;

	if (!account->is_waiting)
		return 0;
	return since_ns < ACCOUNT_GAP_NS ? since_ns : ACCOUNT_GAP_NS;
}

void account_asked(struct account *account, const struct path_table *table, uint16_t dead,
                   uint32_t bytes, const struct account_choice *choice, bool is_waiting,
                   uint64_t now_ns)
{
	uint64_t waited_ns;
	uint8_t rank;

	if (!account)
		return;
	rank = highest_rank(table, choice);
	waited_ns = waited_since(account, now_ns);
	for (unsigned i = 0; i < path_table_all(table); i++) {
		const struct path_slot *slot = &table->slot[i];
		struct account_path *path = account_path_of(account, slot->path_id);
		uint8_t found = choice->found[slot->path_id];

		if (!path)
			continue;
		if (found == FOUND_NOTHING)
			found = why_passed_over(slot, dead, rank, bytes);
		counter_add(&path->found[found], 1);
		if (waited_ns)
			counter_add(&path->waited_ns[account->found[slot->path_id]], waited_ns);
		if (choice->need_ns[slot->path_id])
			atomic_store_explicit(&path->need_ns, choice->need_ns[slot->path_id],
			                      memory_order_relaxed);
		account->found[slot->path_id] = found;
	}
	if (choice->base)
		atomic_store_explicit(&account->base, choice->base, memory_order_relaxed);
	account->is_waiting = is_waiting;
	account->asked_ns = now_ns;
}

void account_flows(struct account *account, const unsigned count[static PATHS_MAX], uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		atomic_store_explicit(&account->flows[i], (uint16_t)count[i], memory_order_relaxed);
	account->flows_ns = now_ns;
}

void account_read(const struct account *account, unsigned path_id, struct account_counts *ret)
{
	const struct account_path *path =
		atomic_load_explicit(&account->path[path_id], memory_order_acquire);

	*ret = (struct account_counts){0};
	for (unsigned i = 0; path && i < ACCOUNT_KINDS; i++)
		ret->bytes[i] = counter_read(&path->bytes[i]);
	for (unsigned i = 0; path && i < FINDINGS; i++) {
		ret->found[i] = counter_read(&path->found[i]);
		ret->waited_ns[i] = counter_read(&path->waited_ns[i]);
	}
	if (path)
		ret->need_ns = counter_read(&path->need_ns);
	ret->flows = atomic_load_explicit(&account->flows[path_id], memory_order_relaxed);
	ret->base = atomic_load_explicit(&account->base, memory_order_relaxed);
}

void account_since(const struct account_counts *before, const struct account_counts *now,
                   struct account_counts *ret)
{
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		ret->bytes[i] = now->bytes[i] - before->bytes[i];
	for (unsigned i = 0; i < FINDINGS; i++) {
		ret->found[i] = now->found[i] - before->found[i];
		ret->waited_ns[i] = now->waited_ns[i] - before->waited_ns[i];
	}
	ret->need_ns = now->need_ns;
	ret->flows = now->flows;
	ret->base = now->base;
}

bool account_is_empty(const struct account_counts *counts)
{
	uint64_t any = account_bytes(counts);

	for (unsigned i = 0; i < FINDINGS; i++)
		any |= counts->found[i];
	return !any;
}

uint64_t account_bytes(const struct account_counts *counts)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		bytes += counts->bytes[i];
	return bytes;
}

uint64_t account_waited_ns(const struct account_counts *counts)
{
	uint64_t waited_ns = 0;

	for (unsigned i = 0; i < FINDINGS; i++)
		waited_ns += counts->waited_ns[i];
	return waited_ns;
}
