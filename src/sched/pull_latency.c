/* SPDX-License-Identifier: MIT */
#include "sched/pull_latency.h"

static inline uint16_t bit(const struct pull_path *path)
{
	return (uint16_t)(1u << path->path_id);
}

int pull_soonest(const struct pull_path *path, unsigned len, uint16_t without, uint64_t now_ns)
{
	int best = -1;

	for (unsigned i = 0; i < len; i++) {
		if (without & bit(&path[i]))
			continue;
		if (best < 0 ||
		    pull_arrival_ns(&path[i], now_ns) < pull_arrival_ns(&path[best], now_ns))
			best = (int)i;
	}
	return best;
}

static uint16_t suspects(const struct pull_path *path, unsigned len)
{
	uint16_t mask = 0;
	unsigned all = 0;

	for (unsigned i = 0; i < len; i++) {
		if (path[i].is_suspect)
			mask |= bit(&path[i]);
		all += path[i].is_suspect;
	}
	return all < len ? mask : 0;
}

/* Whether slot @from should be left for @to, if it stays like that. Half the round trip is the way,
 * as far as that is known without comparing clocks.
 */
static bool is_better(const struct pull_path *from, const struct pull_path *to, uint64_t now_ns)
{
	int64_t gain_ns = pull_arrival_ns(from, now_ns) - pull_arrival_ns(to, now_ns);
	uint64_t way_ns = from->model->srtt_ns / 2 + path_model_queue_ns(from->model, now_ns);

	return gain_ns > (int64_t)PULL_STICKY_NS && gain_ns > (int64_t)(way_ns / PULL_STICKY);
}

static bool is_detour(const struct pull_path *from, const struct pull_path *to, uint64_t now_ns)
{
	return pull_arrival_ns(to, now_ns) - pull_arrival_ns(from, now_ns) >
	       (int64_t)PULL_DETOUR_NS;
}

/* Whether it has been so for long. */
static bool lasts(struct pull *p, bool is_so, uint64_t now_ns)
{
	if (!is_so)
		p->better_from_ns = 0;
	else if (!p->better_from_ns)
		p->better_from_ns = now_ns;
	return is_so && now_ns - p->better_from_ns >= PULL_BETTER_NS;
}

/* Where goes what is too much for slot @last, and only that: also if it comes later so than it
 * would behind the rest. Of ACKs the few that are quick tell all.
 */
static int spare_slot(const struct pull_path *path, unsigned len, int last, uint16_t without,
                      uint64_t now_ns)
{
	int other = pull_soonest(path, len, without | bit(&path[last]), now_ns);
	int64_t limit_ns = pull_arrival_ns(&path[last], now_ns) + (int64_t)PULL_SPREAD_NS;

	return other >= 0 && pull_arrival_ns(&path[other], now_ns) < limit_ns ? other : last;
}

int pull_latency(struct pull *p, const struct pull_path *path, unsigned len, uint64_t now_ns)
{
	uint16_t without = suspects(path, len);
	int best = pull_soonest(path, len, without, now_ns), last;
	bool is_passed_by;

	if (best < 0)
		return -1;
	last = p->has_latency_path ? pull_slot_of(path, len, p->latency_path) : -1;
	if (last >= 0 && p->latency_busy_ns > now_ns + PULL_FLOOD_NS)
		return spare_slot(path, len, last, without, now_ns);
	if (last >= 0 && !(without & bit(&path[last])) &&
	    p->latency_busy_ns > now_ns + PULL_FULL_NS)
		return best; /* what is too much for it, and only that */
	is_passed_by = last >= 0 && without & bit(&path[last]) &&
	               !is_detour(&path[last], &path[best], now_ns);
	if (last >= 0 &&
	    !lasts(p, is_passed_by || is_better(&path[last], &path[best], now_ns), now_ns))
		return is_passed_by ? best : last;
	p->has_latency_path = true;
	p->latency_path = path[best].path_id;
	p->latency_busy_ns = 0;
	p->better_from_ns = 0;
	return best;
}

void pull_latency_sent(struct pull *p, uint8_t path_id, uint64_t cost_ns, uint64_t now_ns)
{
	if (path_id == p->latency_path)
		p->latency_busy_ns =
			(p->latency_busy_ns > now_ns ? p->latency_busy_ns : now_ns) + cost_ns;
}
