/* SPDX-License-Identifier: MIT */
#include "sched/pull_base.h"

#define LIGHTER_MAX 8u
#define BASE_BYTES  2000000u
#define BASE_ROUNDS 7
#define BASE_KEEPS  80u /* percent: another has to be so much quicker */

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

/* When the path alone would have brought a download of BASE_BYTES, which has to grow for so many
 * rounds: ACKs come back over the quickest. By @later_ns its way, with the bias of its weight, is
 * longer than the shortest.
 */
static uint64_t alone_ns(const struct pull_path *path, int64_t later_ns)
{
	return capacity_cost_ns(&path->model->capacity, BASE_BYTES) +
	       BASE_ROUNDS * (uint64_t)later_ns;
}

void pull_choose_base(struct pull_base *b, const struct pull_path *path, unsigned len)
{
	int64_t way_ns[PATHS_MAX], least_ns = INT64_MAX;
	int base = pull_slot_of(path, len, b->path_id);
	uint64_t need_ns[PATHS_MAX];
	unsigned best = 0;

	pull_ways(path, len, way_ns);
	for (unsigned i = 0; i < len; i++)
		least_ns = way_ns[i] < least_ns ? way_ns[i] : least_ns;
	for (unsigned i = 0; i < len; i++) {
		need_ns[i] = alone_ns(&path[i], way_ns[i] - least_ns);
		best = need_ns[i] < need_ns[best] ? i : best;
	}
	if (b->is_chosen && base >= 0 && need_ns[best] > need_ns[base] * BASE_KEEPS / 100)
		return;
	b->is_chosen = true;
	b->path_id = path[best].path_id;
}
