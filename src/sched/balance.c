/* SPDX-License-Identifier: MIT */
#include "sched/balance.h"

#include <stdlib.h>

static void note_suspects(struct balance *b, const struct pull_path *path, unsigned len,
                          uint64_t now_ns)
{
	for (unsigned i = 0; i < len; i++) {
		uint64_t *since_ns = &b->suspect_ns[path[i].path_id];

		if (!path[i].is_suspect)
			*since_ns = 0;
		else if (!*since_ns)
			*since_ns = now_ns;
	}
}

static bool is_left(const struct balance *b, const struct pull_path *path, uint64_t now_ns)
{
	uint64_t since_ns = b->suspect_ns[path->path_id];

	return since_ns && now_ns - since_ns >= BALANCE_SUSPECT_NS;
}

/* The slot that it has, or -1. */
static int present_slot(const struct balance *b, const struct balance_flow *f,
                        const struct pull_path *path, unsigned len, uint64_t now_ns)
{
	if (!f->last_ns || now_ns - f->last_ns >= BALANCE_IDLE_NS)
		return -1;
	for (unsigned i = 0; i < len; i++) {
		if (path[i].path_id == f->path_id)
			return is_left(b, &path[i], now_ns) ? -1 : (int)i;
	}
	return -1;
}

void balance_count(const struct balance *b, unsigned count[PATHS_MAX], uint64_t now_ns)
{
	for (unsigned i = 0; b && i < BALANCE_FLOWS; i++) {
		const struct balance_flow *f = &b->flow[i];

		if (f->last_ns && now_ns - f->last_ns < BALANCE_ACTIVE_NS)
			count[f->path_id]++;
	}
}

/* What each carries; one that was not measured yet is thought to be as good as the best. */
static void look_up_capacity(const struct pull_path *path, unsigned len,
                             uint64_t bytes_per_s[PATHS_MAX])
{
	uint64_t most = 0;

	for (unsigned i = 0; i < len; i++) {
		const struct capacity *c = &path[i].model->capacity;

		bytes_per_s[i] = c->is_known ? c->bytes_per_s : 0;
		if (bytes_per_s[i] > most)
			most = bytes_per_s[i];
	}
	for (unsigned i = 0; i < len; i++) {
		if (!bytes_per_s[i])
			bytes_per_s[i] = most ? most : 1;
	}
}

/* Whether slot @a is to be taken rather than @b: one flow more gets more there. Not a suspect one,
 * if another is there.
 */
static bool is_preferred(const struct pull_path *path, const uint64_t *bytes_per_s,
                         const unsigned *flows, unsigned a, unsigned b)
{
	uint64_t cost_a = (flows[path[a].path_id] + 1) * bytes_per_s[b];
	uint64_t cost_b = (flows[path[b].path_id] + 1) * bytes_per_s[a];

	if (path[a].is_suspect != path[b].is_suspect)
		return path[b].is_suspect;
	return cost_a < cost_b || (cost_a == cost_b && path[a].weight > path[b].weight);
}

static unsigned best_slot(const struct balance *b, const struct pull_path *path, unsigned len,
                          uint64_t now_ns)
{
	unsigned flows[PATHS_MAX] = {0}, best = 0;
	uint64_t bytes_per_s[PATHS_MAX];

	balance_count(b, flows, now_ns);
	look_up_capacity(path, len, bytes_per_s);
	for (unsigned i = 1; i < len; i++) {
		if (is_preferred(path, bytes_per_s, flows, i, best))
			best = i;
	}
	return best;
}

unsigned balance_slot(struct balance **b, const struct pull_path *path, unsigned len, uint32_t flow,
                      uint64_t now_ns)
{
	struct balance_flow *f;
	int slot;

	if (!*b)
		*b = calloc(1, sizeof **b);
	if (!*b)
		return flow % len;
	note_suspects(*b, path, len, now_ns);
	f = &(*b)->flow[flow % BALANCE_FLOWS];
	slot = present_slot(*b, f, path, len, now_ns);
	if (slot < 0) {
		f->last_ns = 0; /* it does not count itself */
		slot = (int)best_slot(*b, path, len, now_ns);
	}
	f->last_ns = now_ns;
	f->path_id = path[slot].path_id;
	return (unsigned)slot;
}
