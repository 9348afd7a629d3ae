/* SPDX-License-Identifier: MIT */
#include "sched/stripe.h"

#include <stdlib.h>
#include <string.h>

#include "sched/pull_latency.h"
#include "vtrunkd/wire.h"

#define REPAIR_QUEUE_NS (3 * NS_PER_MS) /* above the target: repairs go before bulk */
#define REPAIR_WORSE_NS \
	(5 * NS_PER_MS)        /* the path that lost it may have it again, if so much ... */
#define REPAIR_LOSS_PPM 50000u /* ... better, and losing no more than this */
#define WAITING_MIN     65536u

void stripe_fini(struct stripe *st)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		free(st->model[i]);
	free(st->repair);
	free(st->duplicate);
	free(st->balance);
	*st = (struct stripe){0};
}

void stripe_forget(struct stripe *st)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (st->model[i])
			path_model_reset(st->model[i]);
	}
	st->dead = st->suspect = st->doubted = 0;
	st->pausing = st->trained = st->awaits_train = 0;
	st->has_report = false;
}

void stripe_forget_path(struct stripe *st, unsigned path_id)
{
	uint16_t others = (uint16_t) ~(1u << path_id);

	if (!st->model[path_id])
		return;
	path_model_reset(st->model[path_id]);
	st->dead &= others;
	st->suspect &= others;
	st->doubted &= others;
	st->pausing &= others;
	st->trained &= others;
	st->awaits_train &= others;
}

struct path_model *stripe_model(struct stripe *st, uint8_t path_id)
{
	struct path_model **model = &st->model[path_id];

	if (!*model && (*model = malloc(sizeof **model)) != NULL)
		path_model_init(*model);
	return *model;
}

static struct pull_path path_of(const struct stripe *st, const struct path_slot *slot,
                                struct path_model *model)
{
	capacity_set_limit(&model->capacity, path_limit_of(slot->limit));
	return (struct pull_path){.model = model,
	                          .ready_ns = pacers_ready_ns(&st->pacers, slot->path_id),
	                          .weight = slot->weight,
	                          .path_id = slot->path_id,
	                          .packet_max = slot->packet_max,
	                          .is_suspect = st->suspect >> slot->path_id & 1};
}

/* Those of the lowest rank that has any but those in @without. */
static unsigned collect(struct stripe *st, const struct path_table *table, uint16_t without,
                        struct pull_path path[PATHS_MAX])
{
	unsigned len = 0;
	uint8_t rank = 0;

	for (unsigned i = 0; i < path_table_all(table); i++) {
		uint8_t id = table->slot[i].path_id;
		struct path_model *model = stripe_model(st, id);

		if (!model || without >> id & 1)
			continue;
		if (len && table->slot[i].rank != rank)
			break;
		rank = table->slot[i].rank;
		path[len++] = path_of(st, &table->slot[i], model);
	}
	return len;
}

/* What was measured of none can be compared with none: a path of unknown way waits while another is
 * known.
 */
static unsigned keep_known(struct pull_path *path, unsigned len)
{
	unsigned known = 0, kept = 0;

	for (unsigned i = 0; i < len; i++)
		known += path[i].model->delay.is_known;
	if (known == 0 || known == len)
		return len;
	for (unsigned i = 0; i < len; i++) {
		if (path[i].model->delay.is_known)
			path[kept++] = path[i];
	}
	return kept;
}

uint16_t stripe_passed_by(const struct stripe *st, const struct path_table *table)
{
	bool heeds_doubt = table->mode != BONDING_REDUNDANT && table->mode != BONDING_BALANCE;

	return heeds_doubt ? st->dead | st->doubted : st->dead;
}

/* Those but @without, which has the dead ones; or those that live, or all if none does. */
static unsigned collect_but(struct stripe *st, const struct path_table *table, uint16_t without,
                            struct pull_path path[PATHS_MAX])
{
	unsigned len = collect(st, table, without, path);

	if (!len && without != st->dead)
		len = collect(st, table, st->dead, path);
	return len ? len : collect(st, table, 0, path);
}

static unsigned collect_living(struct stripe *st, const struct path_table *table,
                               struct pull_path path[PATHS_MAX])
{
	return collect_but(st, table, stripe_passed_by(st, table), path);
}

unsigned stripe_paths(struct stripe *st, const struct path_table *table,
                      struct pull_path path[PATHS_MAX])
{
	return keep_known(path, collect_living(st, table, path));
}

/* Those that a packet of @bytes fits, unless it fits none: better in fragments than only over a
 * path that is dead, or that others go before.
 */
static unsigned keep_fitting(struct pull_path *path, unsigned len, uint32_t bytes)
{
	struct pull_path fit[PATHS_MAX];
	unsigned kept = 0;

	for (unsigned i = 0; i < len; i++) {
		if (pull_path_fits(&path[i], bytes))
			fit[kept++] = path[i];
	}
	if (!kept || kept == len)
		return len;
	memcpy(path, fit, kept * sizeof *path);
	return kept;
}

/* Whether it fits comes before what is known of them. @ret_fits_all: all @len. */
static unsigned keep_for(struct pull_path *path, unsigned len, uint32_t bytes, bool *ret_fits_all)
{
	unsigned fit = keep_fitting(path, len, bytes);

	*ret_fits_all = fit == len;
	return keep_known(path, fit);
}

static unsigned living_for(struct stripe *st, const struct path_table *table, uint32_t bytes,
                           struct pull_path path[PATHS_MAX], bool *ret_fits_all)
{
	return keep_for(path, collect_living(st, table, path), bytes, ret_fits_all);
}

unsigned stripe_paths_for(struct stripe *st, const struct path_table *table, uint32_t bytes,
                          struct pull_path path[PATHS_MAX])
{
	bool fits_all;

	return living_for(st, table, bytes, path, &fits_all);
}

static bool fits_one_of(const struct pull_path *path, unsigned len, uint32_t bytes)
{
	for (unsigned i = 0; i < len; i++) {
		if (pull_path_fits(&path[i], bytes))
			return true;
	}
	return false;
}

uint16_t stripe_silent_for(struct stripe *st, const struct path_table *table,
                           const struct pull_path *path, unsigned len, uint32_t bytes)
{
	uint16_t mask = 0;

	if (!st->dead || fits_one_of(path, len, bytes))
		return 0;
	for (unsigned i = 0; i < path_table_all(table); i++) {
		uint8_t id = table->slot[i].path_id;

		if (st->dead >> id & 1 && path_slot_fits(&table->slot[i], bytes) &&
		    stripe_model(st, id))
			mask |= (uint16_t)(1u << id);
	}
	return mask;
}

/* Whether any of the primary paths, but @without, has the overflow behind it. */
static bool has_overflow(const struct path_table *table, uint16_t without)
{
	for (unsigned i = 0; table->spare && table->slot[0].role == LINK_ROLE_PRIMARY &&
	                     table->mode == BONDING_AGGREGATE && i < table->len;
	     i++) {
		if (!(without >> table->slot[i].path_id & 1))
			return true;
	}
	return false;
}

static unsigned add_overflow(struct stripe *st, const struct path_table *table, uint16_t without,
                             struct pull_path path[PATHS_MAX], unsigned len)
{
	if (!st->overflow.is_open || !has_overflow(table, without))
		return len;
	for (unsigned i = table->len; i < path_table_all(table); i++) {
		const struct path_slot *slot = &table->slot[i];
		struct path_model *model = stripe_model(st, slot->path_id);

		if (slot->role != LINK_ROLE_OVERFLOW || without >> slot->path_id & 1 || !model ||
		    !model->delay.is_known)
			continue;
		path[len] = path_of(st, slot, model);
		path[len++].is_last = true;
	}
	return len;
}

/* As living_for() of those but @without and, while these are full, those for the overflow behind
 * them.
 */
static unsigned bulk_for(struct stripe *st, const struct path_table *table, uint16_t without,
                         uint32_t bytes, struct pull_path path[PATHS_MAX], bool *ret_fits_all)
{
	unsigned len =
		add_overflow(st, table, without, path, collect_but(st, table, without, path));

	return keep_for(path, len, bytes, ret_fits_all);
}

unsigned stripe_bulk_paths(struct stripe *st, const struct path_table *table,
                           struct pull_path path[PATHS_MAX])
{
	bool fits_all;

	return bulk_for(st, table, stripe_passed_by(st, table), 0, path, &fits_all);
}

/* What is not known of one is not known of all. */
static uint64_t capacity_of(const struct pull_path *path, unsigned len)
{
	uint64_t bytes_per_s = 0;

	for (unsigned i = 0; i < len; i++) {
		if (!path[i].model->capacity.is_known)
			return 0;
		bytes_per_s += path[i].model->capacity.bytes_per_s;
	}
	return bytes_per_s;
}

void stripe_look_at_load(struct stripe *st, const struct path_table *table, uint64_t waiting_bytes,
                         uint64_t now_ns)
{
	struct pull_path path[PATHS_MAX];

	if (!has_overflow(table, stripe_passed_by(st, table)))
		return;
	overflow_look(&st->overflow, waiting_bytes,
	              capacity_of(path, stripe_paths(st, table, path)), now_ns);
}

/* ---- who takes how much ---- */

/* Who is the widest is decided among all. */
static enum pull_outcome pull_some_copies(struct stripe *st, const struct pull_path *path,
                                          unsigned len, const struct pull_backlog *backlog,
                                          uint64_t now_ns, struct pull_share *ret)
{
	const uint8_t widest = st->pull.widest;
	enum pull_outcome outcome = pull_copies(&st->pull, path, len, backlog, now_ns, ret);

	st->pull.widest = widest;
	return outcome;
}

/* Who takes part in striping, and who has joined, is decided among all: a packet that some of them
 * cannot carry has no part in that.
 */
enum pull_outcome stripe_pull(struct stripe *st, const struct path_table *table,
                              const struct pull_backlog *backlog, uint64_t now_ns,
                              struct stripe_share *ret)
{
	struct pull_path path[PATHS_MAX];
	const uint16_t passed_by = stripe_passed_by(st, table);
	struct pull_share share = {0};
	enum pull_outcome outcome;
	unsigned len;
	bool fits_all;

	stripe_look_at_load(st, table, backlog->bytes, now_ns);
	len = bulk_for(st, table, passed_by, backlog->next_bytes, path, &fits_all);

	if (table->mode == BONDING_REDUNDANT)
		outcome = fits_all ? pull_copies(&st->pull, path, len, backlog, now_ns, &share)
		                   : pull_some_copies(st, path, len, backlog, now_ns, &share);
	else
		outcome = fits_all ? pull_bulk(&st->pull, path, len, backlog, now_ns, &share)
		                   : pull_first_ready(path, len, backlog, now_ns, &share);
	st->wait_until_ns = share.at_ns;
	account_asked(st->account, table, passed_by, backlog->next_bytes, &share.choice,
	              outcome == PULL_WAIT, now_ns);
	if (outcome != PULL_RUN)
		return outcome;
	ret->path_id = path[share.slot].path_id;
	ret->path_mask = share.copies | (uint16_t)(1u << ret->path_id);
	ret->path_mask |= stripe_silent_for(st, table, path, len, backlog->next_bytes);
	ret->bytes = share.bytes;
	return outcome;
}

bool stripe_urgent(struct stripe *st, const struct path_table *table, uint32_t bytes,
                   uint64_t now_ns, struct stripe_share *ret)
{
	struct pull_path path[PATHS_MAX];
	bool fits_all;
	unsigned len = living_for(st, table, bytes, path, &fits_all);
	int slot = fits_all ? pull_latency(&st->pull, path, len, now_ns)
	                    : pull_soonest(path, len, 0, now_ns);

	if (slot < 0)
		return false;
	ret->path_id = path[slot].path_id;
	ret->asked = pull_mask_of(path, len);
	ret->path_mask = (uint16_t)(1u << ret->path_id);
	/* Also those that fell silent: with many losses three in a row are soon overdue. */
	if (table->mode == BONDING_REDUNDANT)
		ret->path_mask |= ret->asked | path_table_mask_for(table, bytes);
	ret->path_mask |= stripe_silent_for(st, table, path, len, bytes);
	ret->bytes = UINT32_MAX;
	return true;
}

bool stripe_is_alone(const struct stripe *st)
{
	unsigned known = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		known += st->model[i] != NULL;
	return known < 2;
}

/* With those doubted, which is over in a moment: what waits for them is not too much. */
void stripe_reckon_bounds(struct stripe *st, const struct path_table *table, uint64_t now_ns)
{
	struct pull_path path[PATHS_MAX];
	bool fits_all;
	unsigned len = bulk_for(st, table, st->dead, 0, path, &fits_all);
	bool is_pinned = table->mode == BONDING_LOWLAT || table->mode == BONDING_BALANCE;
	uint64_t slack_ns = 0, bytes = 0;

	if (len && table->mode == BONDING_REDUNDANT) {
		path[0] = path[pull_widest(&st->pull, path, len)];
		len = 1;
	} else if (!is_pinned) {
		slack_ns = pull_slack_ns(&st->pull, path, len);
	}
	for (unsigned i = 0; i < len; i++)
		bytes += capacity_bytes(&path[i].model->capacity, STRIPE_WAITING_NS + slack_ns);
	st->bounds.bytes_max = bytes > WAITING_MIN ? bytes : WAITING_MIN;
	st->bounds.target_ns = slack_ns + (is_pinned || stripe_is_alone(st) ? STRIPE_CODEL_ONE_NS
	                                                                      : STRIPE_CODEL_NS);
	st->bounds.until_ns = now_ns + STRIPE_BOUNDS_NS;
}

bool stripe_is_over_limits(struct stripe *st, const struct path_table *table,
                           uint64_t waiting_bytes)
{
	uint64_t most =
		pacers_bytes(&st->pacers, table, path_table_takers(table, 0), STRIPE_WAITING_NS);

	st->bounds.target_ns = STRIPE_CODEL_ONE_NS;
	st->bounds.until_ns = 0;
	return waiting_bytes > (most > WAITING_MIN ? most : WAITING_MIN);
}

/* ---- repairs ---- */

/* Where it arrives soonest, but not where it was lost, unless that is much better and @without has
 * it not.
 */
static int best_for_repair(const struct pull_path *path, unsigned len, uint8_t from,
                           uint16_t without, uint64_t now_ns)
{
	int other = pull_soonest(path, len, without | (uint16_t)(1u << from), now_ns);
	int any = pull_soonest(path, len, without, now_ns);

	if (other < 0 || any == other)
		return any;
	if (pull_arrival_ns(&path[other], now_ns) - pull_arrival_ns(&path[any], now_ns) >
	            (int64_t)REPAIR_WORSE_NS &&
	    path[any].model->loss_ppm < REPAIR_LOSS_PPM)
		return any;
	return other;
}

int stripe_repair_slot(struct stripe *st, const struct pull_path *path, unsigned len, uint8_t from,
                       uint64_t now_ns)
{
	int slot = best_for_repair(path, len, from, st->doubted, now_ns);
	uint64_t limit_ns, queue_ns;

	if (slot < 0)
		slot = best_for_repair(path, len, from, 0, now_ns);
	if (slot < 0)
		return -1;
	limit_ns = path_model_target_ns(path[slot].model) + REPAIR_QUEUE_NS;
	queue_ns = path_model_queue_ns(path[slot].model, now_ns);
	if (queue_ns <= limit_ns)
		return slot;
	if (!st->wait_until_ns || now_ns + queue_ns - limit_ns < st->wait_until_ns)
		st->wait_until_ns = now_ns + queue_ns - limit_ns + NS_PER_US;
	return -1;
}
