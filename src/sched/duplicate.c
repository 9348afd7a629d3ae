/* SPDX-License-Identifier: MIT */
#include "sched/duplicate.h"

#include <assert.h>
#include <stdlib.h>

static bool is_lossy(struct duplicate *d, const struct pull_path *path)
{
	uint32_t loss_ppm = path->model->loss_ppm;
	uint16_t bit = (uint16_t)(1u << path->path_id);

	if (loss_ppm > DUPLICATE_LOSS_PPM)
		d->lossy |= bit;
	else if (loss_ppm < DUPLICATE_CLEAN_PPM)
		d->lossy &= (uint16_t)~bit;
	return d->lossy & bit;
}

/* ---- budgets ---- */

static uint64_t worth_of_path(const struct path_model *model, uint32_t bytes)
{
	return capacity_cost_ns(&model->capacity, bytes + PATH_OVERHEAD) * DUPLICATE_PATH_SHARE;
}

static uint64_t worth_of_flow(uint32_t bytes)
{
	return bytes * (NS_PER_S / DUPLICATE_FLOW_BPS);
}

static bool is_affordable(const struct bucket *b, uint64_t worth_ns, uint64_t now_ns)
{
	return bucket_ready_ns(b, worth_ns, DUPLICATE_ROOM_NS, now_ns) == now_ns;
}

static bool path_affords(const struct duplicate *d, const struct pull_path *path, uint32_t bytes,
                         uint64_t now_ns)
{
	return !path->is_suspect &&
	       is_affordable(&d->path[path->path_id], worth_of_path(path->model, bytes), now_ns);
}

void duplicate_charge(struct duplicate *d, uint8_t path_id, const struct path_model *model,
                      uint32_t flow, uint32_t bytes, uint64_t now_ns)
{
	bucket_charge(&d->path[path_id], worth_of_path(model, bytes), now_ns);
	bucket_charge(&d->flow[flow % DUPLICATE_FLOWS], worth_of_flow(bytes), now_ns);
}

/* ---- where ---- */

/* The best path beside slot @slot that does not arrive after @limit_ns; -1: none is. */
static int find_beside(const struct duplicate *d, const struct pull_path *path, unsigned len,
                       unsigned slot, uint32_t bytes, int64_t limit_ns, uint64_t now_ns)
{
	int best = -1;

	for (unsigned i = 0; i < len; i++) {
		int64_t arrival_ns = pull_arrival_ns(&path[i], now_ns);

		if (i == slot || arrival_ns > limit_ns || !path_affords(d, &path[i], bytes, now_ns))
			continue;
		limit_ns = arrival_ns - 1;
		best = (int)i;
	}
	return best;
}

enum duplicate_way duplicate_choose(struct duplicate **d, const struct pull_path *path,
                                    unsigned len, unsigned slot,
                                    const struct duplicate_packet *packet, uint64_t now_ns,
                                    unsigned *ret_slot)
{
	int64_t limit_ns = pull_arrival_ns(&path[slot], now_ns) + (int64_t)DUPLICATE_BEHIND_NS;
	const uint64_t worth_ns = worth_of_flow(packet->bytes);
	bool losing;
	int beside;

	if (!*d && (packet->is_doubled || path[slot].model->loss_ppm > DUPLICATE_LOSS_PPM))
		*d = calloc(1, sizeof **d);
	if (!*d)
		return DUPLICATE_NOT;
	losing = is_lossy(*d, &path[slot]);
	if ((!losing && !packet->is_doubled) ||
	    !is_affordable(&(*d)->flow[packet->flow % DUPLICATE_FLOWS], worth_ns, now_ns))
		return DUPLICATE_NOT;
	beside = find_beside(*d, path, len, slot, packet->bytes,
	                     packet->is_doubled ? INT64_MAX : limit_ns, now_ns);
	*ret_slot = beside < 0 ? slot : (unsigned)beside;
	if (beside >= 0)
		return DUPLICATE_BESIDE;
	return losing && path_affords(*d, &path[slot], packet->bytes, now_ns) ? DUPLICATE_LATER
	                                                                      : DUPLICATE_NOT;
}

/* ---- what leaves later ---- */

void duplicate_later(struct duplicate *d, const struct duplicate_copy *copy)
{
	if (d->end - d->first < DUPLICATE_WAITING_MAX)
		d->waiting[d->end++ % DUPLICATE_WAITING_MAX] = *copy;
}

struct duplicate_copy duplicate_take(struct duplicate *d)
{
	assert(d->first != d->end);
	return d->waiting[d->first++ % DUPLICATE_WAITING_MAX];
}

void duplicate_forget(struct duplicate *d)
{
	d->first = d->end;
}
