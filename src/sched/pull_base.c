/* SPDX-License-Identifier: MIT */
#include "sched/pull_base.h"

#define LIGHTER_MAX 8u
#define BASE_BYTES  2000000u
#define BASE_ROUNDS 7
#define BASE_KEEPS  80u /* percent: another has to be so much quicker */
#define BIAS_PART   4u  /* of its time: so much more of a path for each halving of its weight */

static uint32_t heaviest_of(const struct pull_path *path, unsigned len)
{
	uint32_t heaviest = 1;

	for (unsigned i = 0; i < len; i++) {
		if (path[i].weight > heaviest)
			heaviest = path[i].weight;
	}
	return heaviest;
}

/* PULL_BIAS_NS for each halving, in steps of a quarter between two of them. */
static int64_t bias_ns(uint32_t weight, uint32_t heaviest)
{
	uint64_t ratio;
	unsigned halvings = 0;

	if (weight >= heaviest || !weight)
		return 0;
	ratio = (uint64_t)heaviest * 4 / weight;
	while (ratio >= 8 && halvings < LIGHTER_MAX) {
		ratio /= 2;
		halvings++;
	}
	if (halvings == LIGHTER_MAX)
		ratio = 4;
	return (int64_t)(PULL_BIAS_NS * halvings + PULL_BIAS_NS * (ratio - 4) / 4);
}

void pull_ways(const struct pull_path *path, unsigned len, int64_t way_ns[PATHS_MAX])
{
	uint32_t heaviest = heaviest_of(path, len);

	for (unsigned i = 0; i < len; i++)
		way_ns[i] = path[i].model->delay.base_ns + bias_ns(path[i].weight, heaviest);
}

/* What a download of BASE_BYTES takes of the path alone. Of what is not known yet it is as little
 * as of the quickest that is: a path that its train of probes tells nothing of is more often faster
 * than it can be measured than it is slow, and whichever is used will be known.
 */
static uint64_t carry_ns(const struct capacity *c, uint64_t quickest_ns)
{
	uint64_t ns = capacity_cost_ns(c, BASE_BYTES);

	return !c->is_known && quickest_ns < ns ? quickest_ns : ns;
}

static uint64_t quickest_known_ns(const struct pull_path *path, unsigned len)
{
	uint64_t quickest_ns = UINT64_MAX;

	for (unsigned i = 0; i < len; i++) {
		uint64_t ns = capacity_cost_ns(&path[i].model->capacity, BASE_BYTES);

		if (path[i].model->capacity.is_known && ns < quickest_ns)
			quickest_ns = ns;
	}
	return quickest_ns;
}

/* The quickest is who would have brought the download soonest, which has to grow for BASE_ROUNDS:
 * ACKs come back over the shortest way. What is measured of equal links differs by more than the
 * bias of a way is, so a weight counts for what they carry too.
 */
void pull_choose_base(struct pull_base *b, const struct pull_path *path, unsigned len)
{
	uint64_t quickest_ns = quickest_known_ns(path, len), need_ns[PATHS_MAX];
	int64_t way_ns[PATHS_MAX], least_ns = INT64_MAX;
	int base = pull_slot_of(path, len, b->path_id);
	uint32_t heaviest = heaviest_of(path, len);
	unsigned best = 0;

	pull_ways(path, len, way_ns);
	for (unsigned i = 0; i < len; i++)
		least_ns = way_ns[i] < least_ns ? way_ns[i] : least_ns;
	for (unsigned i = 0; i < len; i++) {
		uint64_t bias = (uint64_t)bias_ns(path[i].weight, heaviest);

		need_ns[i] = carry_ns(&path[i].model->capacity, quickest_ns);
		if (bias)
			need_ns[i] += need_ns[i] * bias / (BIAS_PART * PULL_BIAS_NS);
		need_ns[i] += BASE_ROUNDS * (uint64_t)(way_ns[i] - least_ns);
		best = need_ns[i] < need_ns[best] ? i : best;
	}
	if (b->is_chosen && base >= 0 && need_ns[best] > need_ns[base] * BASE_KEEPS / 100)
		return;
	b->is_chosen = true;
	b->path_id = path[best].path_id;
}
