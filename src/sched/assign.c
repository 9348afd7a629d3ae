/* SPDX-License-Identifier: MIT */
#include "sched/assign.h"

void assign_begin(struct send_run *ret_run, const struct path_table *table,
                  const struct stripe_share *share, uint32_t bytes)
{
	uint32_t max = table->fits_all ? path_table_packet_max(table, share->path_id) : UINT32_MAX;
	bool has_copies = share->path_mask & (share->path_mask - 1);
	bool fits_all = path_table_fits_all(table, bytes);

	if (has_copies && fits_all && table->fits_all)
		max = table->fits_all;
	*ret_run = (struct send_run){.path_id = share->path_id,
	                             .path_mask = share->path_mask,
	                             .is_ordered = bonding_mode_is_ordered(table->mode),
	                             .bytes_max = share->bytes,
	                             .packets_max = has_copies && !fits_all ? 1 : BATCH_MAX,
	                             .packet_min = fits_all ? 0 : table->fits_all + 1u,
	                             .packet_max = bytes > max ? bytes : max};
}

/* Another one may have another path. */
static void keep_to_flow(struct send_run *run, const struct path_table *table,
                         const struct send_hand *hand)
{
	run->is_of_one_flow = table->mode == BONDING_BALANCE;
	run->flow = hand->flow;
}

/* For people; from time to time. */
static void count_flows(struct stripe *st, uint64_t now_ns)
{
	unsigned count[PATHS_MAX] = {0};

	balance_count(st->balance, count, now_ns);
	account_flows(st->account, count, now_ns);
}

/* Of the @len paths at @path that of the flow, among those that its packet of @bytes fits. */
static uint8_t own_path(struct stripe *st, const struct path_table *table,
                        const struct pull_path *path, unsigned len, uint32_t flow, uint32_t bytes,
                        uint64_t now_ns)
{
	struct pull_path fit[PATHS_MAX];

	if (!path_table_fits_all(table, bytes)) {
		len = stripe_paths_for(st, table, bytes, fit);
		path = fit;
	}
	return path[balance_slot(&st->balance, path, len, flow, now_ns)].path_id;
}

/* The path of the flow in @hand. False: there is none. */
static bool find_own(struct stripe *st, const struct path_table *table,
                     const struct send_hand *hand, uint64_t now_ns, struct stripe_share *ret)
{
	struct pull_path path[PATHS_MAX];
	unsigned len = stripe_paths(st, table, path);

	if (!len)
		return false;
	ret->path_id =
		own_path(st, table, path, len, hand->flow, hand->left.next_bytes, now_ns);
	if (account_wants_flows(st->account, now_ns))
		count_flows(st, now_ns);
	ret->asked = pull_mask_of(path, len);
	ret->path_mask = (uint16_t)(1u << ret->path_id) |
	                 stripe_silent_for(st, table, path, len, hand->left.next_bytes);
	ret->bytes = UINT32_MAX;
	return true;
}

/* While the path loses some each read is judged on its own. */
static void choose_copy(struct stripe *st, const struct pull_path *path, unsigned len,
                        const struct send_hand *hand, uint64_t now_ns, struct send_run *run)
{
	const struct duplicate_packet packet = {.flow = hand->flow,
	                                        .bytes = hand->left.next_bytes,
	                                        .is_doubled = hand->is_doubled};
	int slot = pull_slot_of(path, len, run->path_id);
	unsigned to;

	if (slot < 0)
		return;
	run->copy = duplicate_choose(&st->duplicate, path, len, (unsigned)slot, &packet, now_ns,
	                             &to);
	if (run->copy == DUPLICATE_NOT)
		return;
	run->packets_max = 1;
	run->flow = hand->flow;
	run->copy_path_id = path[to].path_id;
	run->path_mask |= (uint16_t)(1u << run->copy_path_id);
}

static void double_run(struct stripe *st, const struct path_table *table,
                       const struct send_hand *hand, uint64_t now_ns, struct send_run *run)
{
	struct pull_path path[PATHS_MAX];

	if (table->mode == BONDING_REDUNDANT ||
	    (!st->duplicate && !hand->is_doubled &&
	     st->model[run->path_id]->loss_ppm <= DUPLICATE_LOSS_PPM))
		return;
	choose_copy(st, path, stripe_paths_for(st, table, hand->left.next_bytes, path), hand,
	            now_ns, run);
	if ((hand->is_doubled || duplicate_is_lossy(st->duplicate, run->path_id)) &&
	    hand->read_packets < run->packets_max)
		run->packets_max = hand->read_packets;
}

enum sender_outcome assign_urgent(struct stripe *st, const struct path_table *table,
                                  const struct send_hand *hand, uint64_t now_ns,
                                  struct send_run *ret_run)
{
	struct stripe_share share;
	bool has_path = table->mode == BONDING_BALANCE
	                        ? find_own(st, table, hand, now_ns, &share)
	                        : stripe_urgent(st, table, hand->left.next_bytes, now_ns, &share);

	if (!has_path)
		return SENDER_BLOCKED;
	assign_begin(ret_run, table, &share, hand->left.next_bytes);
	ret_run->is_urgent = true;
	ret_run->is_ordered = false;
	keep_to_flow(ret_run, table, hand);
	double_run(st, table, hand, now_ns, ret_run);
	return SENDER_RUN;
}

static enum sender_outcome striped(struct stripe *st, const struct path_table *table,
                                   const struct send_hand *hand, uint64_t now_ns,
                                   struct send_run *ret_run)
{
	struct stripe_share share;
	enum pull_outcome outcome = stripe_pull(st, table, &hand->left, now_ns, &share);

	if (outcome == PULL_RUN)
		assign_begin(ret_run, table, &share, hand->left.next_bytes);
	return outcome == PULL_RUN    ? SENDER_RUN
	       : outcome == PULL_WAIT ? SENDER_WAIT
	                              : SENDER_BLOCKED;
}

/* A path that is asked by itself: it has room by what was sent over it, and by its limits. */
static struct pull_path one_path(const struct stripe *st, uint8_t path_id)
{
	return (struct pull_path){.model = st->model[path_id],
	                          .ready_ns = pacers_ready_ns(&st->pacers, path_id),
	                          .path_id = path_id};
}

/* What is found of the path that takes what one alone may take, and of the others. */
struct reason {
	enum account_finding takes, other;
};

static const struct reason is_quickest = {FOUND_QUICKEST, FOUND_LATER},
			   has_flow = {FOUND_OWN, FOUND_OTHERS},
			   is_pinned_to = {FOUND_PINNED, FOUND_OTHERS};

/* For people: it goes as @share says over @path, or @has_to_wait. */
static void note_one(struct stripe *st, const struct path_table *table,
                     const struct pull_path *path, const struct stripe_share *share,
                     const struct reason *why, uint32_t bytes, bool has_to_wait, uint64_t now_ns)
{
	struct account_choice choice = {0};

	if (!st->account)
		return;
	if (why->takes == FOUND_QUICKEST)
		choice.base = (uint8_t)(share->path_id + 1);
	for (unsigned mask = share->asked; mask; mask &= mask - 1)
		choice.found[__builtin_ctz(mask)] = (uint8_t)why->other;
	choice.found[share->path_id] =
		(uint8_t)(has_to_wait ? pull_why_full(path, now_ns) : why->takes);
	account_asked(st->account, table, stripe_passed_by(st, table), bytes, &choice, has_to_wait,
	              now_ns);
}

/* As @share says, when its path has room; delivered as it comes. */
static enum sender_outcome over_one(struct stripe *st, const struct path_table *table,
                                    struct stripe_share *share, const struct reason *why,
                                    const struct send_hand *hand, uint64_t now_ns,
                                    struct send_run *ret_run)
{
	const struct pull_path path = one_path(st, share->path_id);
	uint64_t at_ns = pull_ready_ns(&path, now_ns);

	note_one(st, table, &path, share, why, hand->left.next_bytes, at_ns > now_ns, now_ns);
	if (at_ns > now_ns) {
		st->wait_until_ns = at_ns;
		return SENDER_WAIT;
	}
	share->bytes = pull_run_bytes(&path, hand->left.next_bytes);
	assign_begin(ret_run, table, share, hand->left.next_bytes);
	ret_run->is_ordered = false;
	return SENDER_RUN;
}

static enum sender_outcome over_quickest(struct stripe *st, const struct path_table *table,
                                         const struct send_hand *hand, uint64_t now_ns,
                                         struct send_run *ret_run)
{
	enum sender_outcome outcome;
	struct stripe_share share;

	if (!stripe_urgent(st, table, hand->left.next_bytes, now_ns, &share))
		return SENDER_BLOCKED;
	outcome = over_one(st, table, &share, &is_quickest, hand, now_ns, ret_run);
	if (outcome == SENDER_RUN)
		double_run(st, table, hand, now_ns, ret_run);
	return outcome;
}

static enum sender_outcome over_its_own(struct stripe *st, const struct path_table *table,
                                        const struct send_hand *hand, uint64_t now_ns,
                                        struct send_run *ret_run)
{
	enum sender_outcome outcome;
	struct stripe_share share;

	if (!find_own(st, table, hand, now_ns, &share))
		return SENDER_BLOCKED;
	outcome = over_one(st, table, &share, &has_flow, hand, now_ns, ret_run);
	if (outcome == SENDER_RUN)
		keep_to_flow(ret_run, table, hand);
	return outcome;
}

/* Whether configuration gives it path @path_id, of the @len at @path, and its packet fits that. */
static bool is_pinned_to_one(const struct pull_path *path, unsigned len, bool is_pinned,
                             uint8_t path_id, uint32_t bytes)
{
	int slot = is_pinned ? pull_slot_of(path, len, path_id) : -1;

	return slot >= 0 && pull_path_fits(&path[slot], bytes);
}

/* The paths for the overflow are among those that take bulk while the others are full. */
static bool is_hand_pinned(struct stripe *st, const struct path_table *table,
                           const struct send_hand *hand, uint64_t now_ns, uint16_t *ret_asked)
{
	struct pull_path path[PATHS_MAX];
	unsigned len;

	if (!hand->is_pinned)
		return false;
	stripe_look_at_load(st, table, hand->left.bytes, now_ns);
	len = stripe_bulk_paths(st, table, path);
	*ret_asked = pull_mask_of(path, len);
	return is_pinned_to_one(path, len, true, hand->path_id, hand->left.next_bytes);
}

/* Others may go elsewhere. */
static void keep_pinned(struct send_run *run, const struct send_hand *hand)
{
	run->is_pinned = true;
	run->is_of_one_flow = true;
	run->flow = hand->flow;
}

static enum sender_outcome by_mode(struct stripe *st, const struct path_table *table,
                                   const struct send_hand *hand, uint64_t now_ns,
                                   struct send_run *ret_run)
{
	switch (table->mode) {
	case BONDING_LOWLAT:
		return over_quickest(st, table, hand, now_ns, ret_run);
	case BONDING_BALANCE:
		return over_its_own(st, table, hand, now_ns, ret_run);
	default:
		return striped(st, table, hand, now_ns, ret_run);
	}
}

enum sender_outcome assign_bulk(struct stripe *st, const struct path_table *table,
                                const struct send_hand *hand, uint64_t now_ns,
                                struct send_run *ret_run)
{
	struct stripe_share pinned = {.path_id = hand->path_id,
	                              .path_mask = (uint16_t)(1u << hand->path_id)};
	enum sender_outcome outcome;

	if (repair_is_waiting(st->repair))
		return SENDER_WAIT;
	st->wait_until_ns = 0;
	outcome = is_hand_pinned(st, table, hand, now_ns, &pinned.asked)
	                  ? over_one(st, table, &pinned, &is_pinned_to, hand, now_ns, ret_run)
	                  : by_mode(st, table, hand, now_ns, ret_run);
	if (outcome == SENDER_RUN && hand->is_pinned)
		keep_pinned(ret_run, hand);
	return outcome;
}

/* ---- whose turn it is ---- */

struct turn {
	struct stripe *st;
	const struct path_table *table;
	struct pull_path path[PATHS_MAX];
	unsigned len;
	struct pull_backlog backlog;
	uint64_t now_ns, soonest_ns; /* of those asked about that may not go */
	uint64_t striped_ns;         /* when bulk without a path of its own may go; 0: not asked */
	bool has_striped;            /* that was asked, and what is found of paths is counted */
};

static uint64_t ready_ns(const struct stripe *st, uint8_t path_id, uint64_t now_ns)
{
	const struct pull_path path = one_path(st, path_id);

	return pull_ready_ns(&path, now_ns);
}

/* Asked once for all that fit all paths: it is the same for each. */
static uint64_t striped_at_ns(struct turn *turn, uint32_t bytes)
{
	bool fits_all = path_table_fits_all(turn->table, bytes);
	struct stripe_share share;
	uint64_t at_ns;

	if (fits_all && turn->striped_ns)
		return turn->striped_ns;
	turn->backlog.next_bytes = bytes;
	turn->has_striped = true;
	at_ns = stripe_pull(turn->st, turn->table, &turn->backlog, turn->now_ns, &share) == PULL_RUN
	                ? turn->now_ns
	                : turn->st->wait_until_ns;
	if (fits_all)
		turn->striped_ns = at_ns;
	return at_ns;
}

static uint64_t may_go_at_ns(struct turn *turn, const struct send_ticket *first)
{
	uint32_t bytes = send_ticket_next_bytes(first);
	struct stripe_share share;

	if (is_pinned_to_one(turn->path, turn->len, first->is_pinned, first->path_id, bytes))
		return ready_ns(turn->st, first->path_id, turn->now_ns);
	switch (turn->table->mode) {
	case BONDING_BALANCE:
		share.path_id = own_path(turn->st, turn->table, turn->path, turn->len, first->flow,
		                         bytes, turn->now_ns);
		break;
	case BONDING_LOWLAT:
		stripe_urgent(turn->st, turn->table, bytes, turn->now_ns, &share);
		break;
	default:
		return striped_at_ns(turn, bytes);
	}
	return ready_ns(turn->st, share.path_id, turn->now_ns);
}

static bool may_go(void *context, const struct send_ticket *first)
{
	struct turn *turn = context;
	uint64_t at_ns = may_go_at_ns(turn, first);

	if (at_ns < turn->soonest_ns)
		turn->soonest_ns = at_ns;
	return at_ns <= turn->now_ns;
}

/* For people: nothing that waits has a path with room. */
static void note_wait(const struct turn *turn, uint32_t bytes)
{
	struct account_choice choice = {0};

	if (!turn->st->account || turn->has_striped)
		return;
	for (unsigned i = 0; i < turn->len; i++) {
		const struct pull_path *path = &turn->path[i];
		bool is_ready = pull_ready_ns(path, turn->now_ns) <= turn->now_ns;

		choice.found[path->path_id] =
			(uint8_t)(is_ready ? FOUND_OTHERS : pull_why_full(path, turn->now_ns));
	}
	account_asked(turn->st->account, turn->table, stripe_passed_by(turn->st, turn->table),
	              bytes, &choice, true, turn->now_ns);
}

bool assign_turn(struct stripe *st, const struct path_table *table, struct send_queue *queue,
                 uint64_t now_ns)
{
	struct turn turn = {.st = st, .table = table, .now_ns = now_ns, .soonest_ns = NEVER_NS};

	if (!queue->first || repair_is_waiting(st->repair))
		return true;
	stripe_look_at_load(st, table, queue->bytes, now_ns);
	turn.len = stripe_bulk_paths(st, table, turn.path);
	if (!turn.len)
		return true;
	turn.backlog = (struct pull_backlog){.bytes = queue->bytes, .packets = queue->packets};
	if (send_queue_turn_to(queue, may_go, &turn))
		return true;
	note_wait(&turn, send_ticket_next_bytes(queue->first));
	st->wait_until_ns = turn.soonest_ns;
	return false;
}
