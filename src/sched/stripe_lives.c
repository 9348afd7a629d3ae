/* SPDX-License-Identifier: MIT */
#include "sched/stripe_lives.h"

#define ALIVE_NS (500 * NS_PER_MS) /* something came over it within this time */

void stripe_reported(struct stripe *st, uint64_t now_ns)
{
	uint64_t gap_ns = now_ns - st->reports.came_ns, mean_ns = st->reports.mean_ns;
	bool is_first = !st->reports.came_ns;

	st->reports.came_ns = now_ns;
	if (is_first || gap_ns > STRIPE_REPORT_MAX)
		return; /* nothing flowed */
	uint64_t off_ns = gap_ns > mean_ns ? gap_ns - mean_ns : mean_ns - gap_ns;

	st->reports.mean_ns = mean_ns ? (7 * mean_ns + gap_ns) / 8 : gap_ns;
	st->reports.off_ns = (3 * st->reports.off_ns + (mean_ns ? off_ns : 0)) / 4;
}

uint64_t stripe_report_ns(const struct stripe *st)
{
	uint64_t wait_ns = st->reports.mean_ns + 2 * st->reports.off_ns;

	if (wait_ns < STRIPE_REPORT_NS)
		return STRIPE_REPORT_NS;
	return wait_ns < STRIPE_REPORT_MAX ? wait_ns : STRIPE_REPORT_MAX;
}

static bool is_another_alive(const struct stripe *st, const struct path_table *table,
                             uint8_t path_id, uint64_t now_ns)
{
	for (unsigned i = 0; i < path_table_all(table); i++) {
		uint8_t id = table->slot[i].path_id;
		const struct path_model *m = st->model[id];

		if (id != path_id && m && !((st->dead | st->suspect) >> id & 1) && m->progress_ns &&
		    now_ns - m->progress_ns < ALIVE_NS)
			return true;
	}
	return false;
}

/* How many of its moments are overdue, and whether it is suspect for it. */
static unsigned look_at(struct stripe *st, uint8_t path_id, uint64_t now_ns)
{
	const struct path_model *m = st->model[path_id];
	uint16_t bit = (uint16_t)(1u << path_id);
	unsigned overdue = m ? path_model_overdue(m, stripe_report_ns(st), now_ns) : 0;

	st->suspect = overdue ? st->suspect | bit : (uint16_t)(st->suspect & ~bit);
	return overdue;
}

/* All are looked at before one is judged: when the peer is gone, all fall silent together. */
static uint16_t bury(struct stripe *st, const struct path_table *table, uint64_t now_ns)
{
	unsigned overdue[PATHS_MAX];
	uint16_t died = 0;

	for (unsigned i = 0; i < path_table_all(table); i++)
		overdue[i] = look_at(st, table->slot[i].path_id, now_ns);
	for (unsigned i = 0; i < path_table_all(table); i++) {
		uint8_t id = table->slot[i].path_id;

		if (st->dead >> id & 1 || overdue[i] < STRIPE_DEAD_OVERDUE ||
		    !is_another_alive(st, table, id, now_ns))
			continue;
		died |= (uint16_t)(1u << id);
		st->back[id] = 0;
		path_model_forgive(st->model[id], now_ns);
	}
	st->dead |= died;
	st->doubted &= (uint16_t)~died;
	return died;
}

uint16_t stripe_tick(struct stripe *st, const struct path_table *table, bool is_empty,
                     uint64_t now_ns)
{
	struct pull_path path[PATHS_MAX];
	uint16_t died = bury(st, table, now_ns);

	pull_tick(&st->pull, path, stripe_paths(st, table, path), is_empty, now_ns);
	return died;
}

void stripe_progress(struct stripe *st, uint8_t path_id, uint64_t now_ns)
{
	uint16_t bit = (uint16_t)(1u << path_id);

	if (!(st->dead & bit) || ++st->back[path_id] < STRIPE_BACK_REPORTS)
		return;
	st->dead &= (uint16_t)~bit;
	path_model_forgive(st->model[path_id], now_ns);
}

bool stripe_doubt(struct stripe *st, uint8_t path_id, uint64_t at_ns)
{
	uint16_t bit = (uint16_t)(1u << path_id);

	if (!st->model[path_id] || st->dead & bit)
		return false;
	st->doubted |= bit;
	st->doubted_ns[path_id] = at_ns;
	stripe_look_at_doubt(st, path_id);
	return st->doubted & bit;
}

void stripe_look_at_doubt(struct stripe *st, uint8_t path_id)
{
	uint16_t bit = (uint16_t)(1u << path_id);

	if (st->doubted & bit && st->model[path_id]->acked_ns >= st->doubted_ns[path_id])
		st->doubted &= (uint16_t)~bit;
}
