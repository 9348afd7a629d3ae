/* SPDX-License-Identifier: MIT */
/* All relative delays of one call are taken from the models once, into struct view: at most 16
 * paths, and one pass for each question.
 */
#include "sched/pull.h"

#define WAKE_NS       (20 * NS_PER_US) /* past the moment at which a queue has become short */
#define DRY_WINDOW_NS (200 * NS_PER_MS)
#define EVEN_NS       (5 * NS_PER_MS) /* less difference costs nothing */
#define RUN_BYTES_MAX 65536u
#define ENTER_PERCENT 120u
#define LEAVE_PERCENT 80u

struct view {
	int64_t way_ns[PATHS_MAX]; /* with the bias of its weight */
	uint64_t queue_ns[PATHS_MAX];
	uint64_t arrival_ns[PATHS_MAX]; /* from the shortest way on */
	int64_t least_ns;               /* the shortest way */
	unsigned shortest;              /* its slot */
	uint16_t takers;                /* those that take bulk when they have room, by id */
};

static inline uint16_t bit(const struct pull_path *path)
{
	return (uint16_t)(1u << path->path_id);
}

/* Those shorter than the base count as a little longer: they take what it cannot. */
static void level(struct view *v, const struct pull *p, const struct pull_path *path, unsigned len)
{
	int base = p->base.is_chosen ? pull_slot_of(path, len, p->base.path_id) : -1;

	if (base < 0)
		return;
	v->shortest = (unsigned)base;
	for (unsigned i = 0; i < len; i++) {
		if (v->way_ns[i] < v->way_ns[base])
			v->way_ns[i] = v->way_ns[base] + 1;
	}
}

static void put_last(struct view *v, const struct pull_path *path, unsigned len)
{
	int64_t longest_ns = INT64_MIN;

	for (unsigned i = 0; i < len; i++) {
		if (!path[i].is_last && v->way_ns[i] > longest_ns)
			longest_ns = v->way_ns[i];
	}
	for (unsigned i = 0; i < len; i++) {
		if (path[i].is_last && v->way_ns[i] <= longest_ns)
			v->way_ns[i] = longest_ns + 1;
	}
}

static void look(struct view *v, const struct pull *p, const struct pull_path *path, unsigned len,
                 uint32_t bytes, uint64_t now_ns)
{
	v->shortest = 0;
	pull_ways(path, len, v->way_ns);
	for (unsigned i = 0; i < len; i++) {
		v->queue_ns[i] = path_model_queue_ns(path[i].model, now_ns);
		if (v->way_ns[i] < v->way_ns[v->shortest] && !path[i].is_last)
			v->shortest = i;
	}
	if (!bytes || pull_load_is(&p->load, bytes, now_ns))
		level(v, p, path, len);
	if (len && path[len - 1].is_last)
		put_last(v, path, len);
	v->least_ns = len ? v->way_ns[v->shortest] : 0;
	for (unsigned i = 0; i < len; i++)
		v->arrival_ns[i] = (uint64_t)(v->way_ns[i] - v->least_ns) + v->queue_ns[i] +
		                   capacity_cost_ns(&path[i].model->capacity, bytes);
}

/* ---- the striping set ---- */

/* In percent. What a path brings, against what all faster ones lose by its delay: 30 Mbit/s with
 * 50 ms more beside 300 Mbit/s add a tenth of rate and make the round trip longer by many times.
 */
static uint64_t worth_its_delay(const struct view *v, const struct pull_path *path, unsigned len,
                                unsigned i)
{
	uint64_t later_ns = (uint64_t)(v->way_ns[i] - v->least_ns), faster = 0;

	if (later_ns < EVEN_NS || !path[i].model->capacity.is_known)
		return ENTER_PERCENT;
	later_ns += path[i].model->delay.jitter_ns;
	for (unsigned k = 0; k < len; k++) {
		if (v->way_ns[k] < v->way_ns[i])
			faster += path[k].model->capacity.bytes_per_s;
	}
	faster = faster / (PULL_GAIN_NS / NS_PER_US) * (later_ns / NS_PER_US);
	return faster ? path[i].model->capacity.most_bytes_per_s * 100 / faster : ENTER_PERCENT;
}

static bool is_striped(struct pull *p, const struct view *v, const struct pull_path *path,
                       unsigned len, unsigned i, uint64_t now_ns)
{
	bool was_out = p->left_out & bit(&path[i]), is_out;
	uint64_t *changed_ns = &p->left_out_at_ns[path[i].path_id];
	uint64_t worth = worth_its_delay(v, path, len, i);

	is_out = v->way_ns[i] - v->least_ns > (int64_t)PULL_SPREAD_NS ||
	         worth < (was_out ? ENTER_PERCENT : LEAVE_PERCENT);
	if (is_out == was_out)
		return !is_out;
	if (*changed_ns && now_ns - *changed_ns < PULL_DWELL_NS)
		return !was_out;
	*changed_ns = now_ns;
	p->left_out ^= bit(&path[i]);
	return !is_out;
}

/* Nobody knows yet what the faster ones can carry: their slow start comes first. */
static bool waits_for_faster(const struct view *v, const struct pull_path *path, unsigned len,
                             unsigned i)
{
	for (unsigned k = 0; k < len; k++) {
		if (k == i || path[k].model->capacity.is_known)
			continue;
		if (v->way_ns[k] < v->way_ns[i] || (v->way_ns[k] == v->way_ns[i] && k < i))
			return true;
	}
	return false;
}

/* ---- joining and leaving ---- */

static void reckon_dry(struct pull *p, const struct pull_path *fastest, bool is_empty,
                       uint64_t now_ns)
{
	uint64_t since_ns = now_ns - p->dry_at_ns, idle_ns = 0;

	if (now_ns <= p->dry_at_ns)
		return;
	if (is_empty && !path_model_is_pausing(fastest->model, now_ns)) {
		uint64_t from_ns = fastest->model->queue.busy_ns;

		if (from_ns < p->dry_at_ns)
			from_ns = p->dry_at_ns;
		idle_ns = from_ns < now_ns ? now_ns - from_ns : 0;
	}
	p->dry_ns = since_ns < DRY_WINDOW_NS ? p->dry_ns - p->dry_ns * since_ns / DRY_WINDOW_NS : 0;
	p->dry_ns += idle_ns;
	if (p->dry_ns > DRY_WINDOW_NS)
		p->dry_ns = DRY_WINDOW_NS;
	p->dry_at_ns = now_ns;
}

static uint64_t time_for(uint64_t bytes, uint64_t bytes_per_s)
{
	return bytes * (NS_PER_S / NS_PER_US) / bytes_per_s * NS_PER_US;
}

void pull_tick(struct pull *p, const struct pull_path *path, unsigned len, bool is_empty,
               uint64_t now_ns)
{
	struct view v;

	if (!len)
		return;
	pull_choose_base(&p->base, path, len);
	look(&v, p, path, len, 0, now_ns);
	reckon_dry(p, &path[v.shortest], is_empty, now_ns);
}

void pull_offered(struct pull *p, uint64_t now_ns)
{
	if (!p->last_in_ns || now_ns - p->last_in_ns > PULL_REST_NS) {
		p->busy_from_ns = now_ns;
		pull_load_begin(&p->load);
	}
	p->last_in_ns = now_ns;
}

/* Whether slot @b, ready, may take bulk though faster paths exist that would need @wait_ns for all
 * of it, and bring the first of it after @soonest_ns.
 */
static bool may_spill(struct pull *p, const struct pull_path *b, uint64_t arrival_ns,
                      uint64_t soonest_ns, uint64_t wait_ns, uint64_t now_ns,
                      struct account_choice *choice)
{
	uint64_t need_ns = arrival_ns > soonest_ns ? arrival_ns - soonest_ns : 0;

	need_ns += b->model->delay.jitter_ns; /* the receiver has to wait for the latest */
	choice->need_ns[b->path_id] = need_ns;
	if (wait_ns >= need_ns) {
		if (!(p->joined & bit(b)))
			p->dry_ns = 0;
		p->joined |= bit(b);
		return true;
	}
	if (p->dry_ns > PULL_DRY_NS)
		p->joined &= (uint16_t)~bit(b);
	choice->found[b->path_id] = FOUND_ENDING;
	if (now_ns - p->last_in_ns > PULL_TAIL_NS && now_ns - p->busy_from_ns < PULL_YOUNG_NS)
		return false;
	choice->found[b->path_id] = FOUND_EARLY;
	return p->joined & bit(b) && wait_ns >= b->model->spill_ns;
}

/* After how long the path takes something again; 0: now. */
static uint64_t ready_after_ns(const struct pull_path *path, uint64_t queue_ns, uint64_t now_ns)
{
	uint64_t target_ns = path_model_target_ns(path->model), after_ns;

	after_ns = queue_ns > target_ns ? queue_ns - target_ns : 0;
	if (path_model_is_pausing(path->model, now_ns))
		after_ns = path->model->pause_until_ns - now_ns;
	return path->ready_ns > now_ns + after_ns ? path->ready_ns - now_ns : after_ns;
}

/* What those of the faster paths of slot @b that take bulk carry together, and when the first of
 * them brings something.
 */
struct faster {
	uint64_t bytes_per_s, soonest_ns;
};

static struct faster faster_than(const struct view *v, const struct pull_path *path, unsigned len,
                                 unsigned b)
{
	struct faster f = {.soonest_ns = UINT64_MAX};

	for (unsigned i = 0; i < len; i++) {
		uint64_t at_ns;

		if (v->way_ns[i] >= v->way_ns[b] || !(v->takers & bit(&path[i])))
			continue;
		at_ns = (uint64_t)(v->way_ns[i] - v->least_ns) + v->queue_ns[i];
		f.bytes_per_s += path[i].model->capacity.bytes_per_s;
		if (at_ns < f.soonest_ns)
			f.soonest_ns = at_ns;
	}
	return f;
}

/* ---- the choice ---- */

uint32_t pull_run_bytes(const struct pull_path *path, uint32_t next_bytes)
{
	uint64_t bytes = capacity_bytes(&path->model->capacity, PULL_RUN_NS);

	if (bytes < 2 * next_bytes)
		bytes = 2 * next_bytes;
	return bytes < RUN_BYTES_MAX ? (uint32_t)bytes : RUN_BYTES_MAX;
}

static void note(uint8_t found[PATHS_MAX], const struct pull_path *path, bool is_ready,
                 enum account_finding takes, uint64_t now_ns)
{
	found[path->path_id] = (uint8_t)(is_ready ? takes : pull_why_full(path, now_ns));
}

/* Of one that takes none. */
static uint8_t why_left_out(const struct pull *p, const struct view *v,
                            const struct pull_path *path, unsigned i)
{
	if (!(p->left_out & bit(&path[i])))
		return FOUND_UNKNOWN;
	return v->way_ns[i] - v->least_ns > (int64_t)PULL_SPREAD_NS ? FOUND_FAR : FOUND_POOR;
}

static void find_takers(struct pull *p, struct view *v, const struct pull_path *path, unsigned len,
                        uint64_t now_ns, uint8_t found[PATHS_MAX])
{
	v->takers = 0;
	for (unsigned i = 0; i < len; i++) {
		if (is_striped(p, v, path, len, i, now_ns) && !waits_for_faster(v, path, len, i))
			v->takers |= bit(&path[i]);
		else
			found[path[i].path_id] = why_left_out(p, v, path, i);
	}
}

/* The slot that is ready and brings it first, of those with a way below @below_ns; -1: none is, the
 * first one after *ret_ready_ns.
 */
static int best_ready(const struct view *v, const struct pull_path *path, unsigned len,
                      int64_t below_ns, uint64_t now_ns, uint64_t *ret_ready_ns,
                      uint8_t found[PATHS_MAX])
{
	int best = -1;

	*ret_ready_ns = UINT64_MAX;
	for (unsigned i = 0; i < len; i++) {
		uint64_t ready_ns;

		if (!(v->takers & bit(&path[i])) || v->way_ns[i] >= below_ns)
			continue;
		ready_ns = ready_after_ns(&path[i], v->queue_ns[i], now_ns);
		note(found, &path[i], !ready_ns, FOUND_BEHIND, now_ns);
		if (!ready_ns &&
		    (best < 0 || (!path[i].is_last && v->arrival_ns[i] < v->arrival_ns[best])))
			best = (int)i;
		if (ready_ns < *ret_ready_ns)
			*ret_ready_ns = ready_ns;
	}
	return best;
}

/* What a path leaves to the faster ones goes to one of them that is ready, if there is one. */
enum pull_outcome pull_bulk(struct pull *p, const struct pull_path *path, unsigned len,
                            const struct pull_backlog *backlog, uint64_t now_ns,
                            struct pull_share *ret)
{
	struct view v;
	uint64_t ready_ns, bytes = backlog->bytes + backlog->packets * PATH_OVERHEAD;
	int64_t below_ns = INT64_MAX;
	int best;

	if (!len)
		return PULL_NONE;
	look(&v, p, path, len, backlog->next_bytes + PATH_OVERHEAD, now_ns);
	find_takers(p, &v, path, len, now_ns, ret->choice.found);
	reckon_dry(p, &path[v.shortest], false, now_ns);
	ret->choice.base = (uint8_t)(path[v.shortest].path_id + 1);
	while ((best = best_ready(&v, path, len, below_ns, now_ns, &ready_ns, ret->choice.found)) >=
	       0) {
		struct faster f = faster_than(&v, path, len, (unsigned)best);

		if (!f.bytes_per_s ||
		    may_spill(p, &path[best], v.arrival_ns[best], f.soonest_ns,
		              time_for(bytes, f.bytes_per_s), now_ns, &ret->choice)) {
			ret->choice.found[path[best].path_id] =
				f.bytes_per_s ? FOUND_JOINED : FOUND_FIRST;
			ret->slot = (unsigned)best;
			ret->bytes = pull_run_bytes(&path[best], backlog->next_bytes);
			return PULL_RUN;
		}
		below_ns = v.way_ns[best];
	}
	ret->at_ns = ready_ns == UINT64_MAX ? NEVER_NS : now_ns + ready_ns + WAKE_NS;
	return PULL_WAIT;
}

/* ---- copies over all ---- */

unsigned pull_widest(struct pull *p, const struct pull_path *path, unsigned len)
{
	int last = p->widest ? pull_slot_of(path, len, (uint8_t)(p->widest - 1)) : -1;
	unsigned best = last < 0 ? 0 : (unsigned)last;

	for (unsigned i = 0; i < len; i++) {
		uint64_t than = path[best].model->capacity.bytes_per_s;

		if (path[i].model->capacity.bytes_per_s >
		    (best == (unsigned)last ? than / 4 * 5 : than))
			best = i;
	}
	p->widest = (uint8_t)(path[best].path_id + 1);
	return best;
}

static uint64_t path_ready_after_ns(const struct pull_path *path, uint64_t now_ns)
{
	return ready_after_ns(path, path_model_queue_ns(path->model, now_ns), now_ns);
}

enum pull_outcome pull_copies(struct pull *p, const struct pull_path *path, unsigned len,
                              const struct pull_backlog *backlog, uint64_t now_ns,
                              struct pull_share *ret)
{
	uint64_t ready_ns;

	if (!len)
		return PULL_NONE;
	ret->slot = pull_widest(p, path, len);
	ready_ns = path_ready_after_ns(&path[ret->slot], now_ns);
	note(ret->choice.found, &path[ret->slot], !ready_ns, FOUND_FIRST, now_ns);
	if (ready_ns) {
		ret->at_ns = now_ns + ready_ns + WAKE_NS;
		return PULL_WAIT;
	}
	ret->bytes = pull_run_bytes(&path[ret->slot], backlog->next_bytes);
	for (unsigned i = 0; i < len; i++) {
		bool is_ready = !path_ready_after_ns(&path[i], now_ns);

		ret->copies |= is_ready ? bit(&path[i]) : 0;
		note(ret->choice.found, &path[i], is_ready, FOUND_FIRST, now_ns);
	}
	return PULL_RUN;
}

uint64_t pull_ready_ns(const struct pull_path *path, uint64_t now_ns)
{
	uint64_t after_ns = path_ready_after_ns(path, now_ns);

	return after_ns ? now_ns + after_ns + WAKE_NS : now_ns;
}

enum pull_outcome pull_first_ready(const struct pull_path *path, unsigned len,
                                   const struct pull_backlog *backlog, uint64_t now_ns,
                                   struct pull_share *ret)
{
	uint64_t soonest_ns = UINT64_MAX;
	int best = -1;

	*ret = (struct pull_share){0};
	for (unsigned i = 0; i < len; i++) {
		uint64_t queue_ns = path_model_queue_ns(path[i].model, now_ns);
		uint64_t ready_ns = ready_after_ns(&path[i], queue_ns, now_ns);

		note(ret->choice.found, &path[i], !ready_ns, FOUND_BEHIND, now_ns);
		soonest_ns = ready_ns < soonest_ns ? ready_ns : soonest_ns;
		if (!ready_ns && (best < 0 || pull_arrival_ns(&path[i], now_ns) <
		                                      pull_arrival_ns(&path[best], now_ns)))
			best = (int)i;
	}
	ret->at_ns = best < 0 ? now_ns + soonest_ns + WAKE_NS : 0;
	if (best < 0)
		return len ? PULL_WAIT : PULL_NONE;
	ret->choice.found[path[best].path_id] = FOUND_FIRST;
	ret->slot = (unsigned)best;
	ret->bytes = pull_run_bytes(&path[best], backlog->next_bytes);
	return PULL_RUN;
}

uint64_t pull_slack_ns(const struct pull *p, const struct pull_path *path, unsigned len)
{
	struct view v;
	uint64_t slack_ns = 0;

	if (!len)
		return 0;
	look(&v, p, path, len, 0, 0);
	for (unsigned i = 0; i < len; i++) {
		uint64_t later_ns = (uint64_t)(v.way_ns[i] - v.least_ns);

		if (!((p->joined | p->left_out) & bit(&path[i])) && later_ns > slack_ns)
			slack_ns = later_ns;
	}
	return slack_ns;
}
