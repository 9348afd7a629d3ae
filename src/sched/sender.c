/* SPDX-License-Identifier: MIT */
/* A path's turn is what run.h gives it: some bytes in a row. It may be taken in several runs, when
 * fewer packets wait or a train is full. The shares are reckoned by turns: pick.h chooses the path
 * with the first packet of the turn, which is paid at once (prepaid_bytes); the rest is paid by
 * run.
 */
#include "sched/sender.h"

#include <assert.h>
#include <stdlib.h>

#include "sched/assign.h"
#include "sched/pull_latency.h"
#include "vtrunkd/wire.h"

_Static_assert(LANE_ORDERED < SENDLOG_LANES && LANE_UNORDERED < SENDLOG_LANES, "recorded lanes");

void sender_init(struct sender *s)
{
	*s = (struct sender){.rest_at_ns = NEVER_NS};
}

void sender_fini(struct sender *s)
{
	assert(!s->waiting.first && !s->urgent.first);
	send_queue_rest(&s->waiting);
	stripe_fini(&s->stripe);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (s->log[i])
			sendlog_fini(s->log[i]);
		free(s->log[i]);
	}
	sender_init(s);
}

void sender_offer(struct sender *s, struct send_ticket *ticket)
{
	if (ticket->is_urgent) {
		send_queue_put(&s->urgent, ticket);
		return;
	}
	pull_offered(&s->stripe.pull, ticket->since_ns);
	s->pinned += ticket->is_pinned ? ticket->packets : 0;
	if (s->is_held_up && !s->is_blocked)
		send_queue_make_fair(&s->waiting); /* it waits for others of its kind */
	send_queue_put(&s->waiting, ticket);
}

/* ---- who takes how much ---- */

/* Only where there is a choice are shares kept and rates measured. */
static bool is_striped(const struct path_table *table)
{
	return bonding_mode_is_weighed(table->mode) && table->len > 1;
}

/* A turn that was not begun is none: what was paid for it is given back. */
static void give_up_turn(struct sender *s, const struct path_table *table, int slot)
{
	if (s->prepaid_bytes)
		pick_charge(&s->pick, table, (unsigned)slot, -(int32_t)s->prepaid_bytes);
}

/* The slot of the path whose turn it is: it goes on, or one begins with a packet of @bytes. */
static unsigned whose_turn(struct sender *s, const struct path_table *table, uint32_t bytes)
{
	bool goes_on = s->run.left || s->prepaid_bytes;
	int slot = goes_on ? path_table_slot(table, s->run.path_id) : -1;

	if (slot >= 0 && !path_slot_fits(&table->slot[slot], bytes) &&
	    path_table_fits_one(table, bytes)) {
		give_up_turn(s, table, slot);
		slot = -1;
	}
	if (slot < 0) {
		s->prepaid_bytes = bytes;
		slot = (int)pick_path(&s->pick, table, s->prepaid_bytes);
		run_begin(&s->run, table, (unsigned)slot);
	}
	return (unsigned)slot;
}

/* A turn without a byte is one packet long. */
static uint32_t bytes_left(const struct sender *s)
{
	return s->run.left ? s->run.left : 1;
}

static enum sender_outcome next_weighted(struct sender *s, const struct sender_facts *facts,
                                         uint32_t bytes, uint64_t now_ns, struct send_run *ret_run)
{
	const struct path_table *table = facts->table;
	struct stripe_share share = {.bytes = UINT32_MAX};
	uint16_t mask;
	uint32_t bytes_max = UINT32_MAX;
	struct path_table ready;

	s->is_blocked = s->is_held_up = !facts->has_session || !table || !table->len;
	if (s->is_blocked)
		return SENDER_BLOCKED;
	mask = path_table_takers(table, bytes);
	if (table->is_limited) {
		bytes_max = pacers_choose(&s->stripe.pacers, table, mask, now_ns, &ready,
		                          &s->stripe.wait_until_ns);
		s->is_held_up = !bytes_max;
		if (!bytes_max)
			return SENDER_WAIT;
		mask = path_table_takers(&ready, bytes);
		table = &ready;
	}
	run_tick(&s->run, now_ns);
	share.path_id = path_table_first(table, mask);
	if (is_striped(table)) {
		share.path_id = table->slot[whose_turn(s, table, bytes)].path_id;
		share.bytes = bytes_left(s);
	}
	share.path_mask = table->mode == BONDING_REDUNDANT ? mask : (uint16_t)(1u << share.path_id);
	assign_begin(ret_run, table, &share, bytes);
	ret_run->takes_all = true;
	ret_run->is_ordered = bonding_mode_is_weighed(table->mode);
	if (bytes_max < ret_run->bytes_max)
		ret_run->bytes_max = bytes_max;
	return SENDER_RUN;
}

/* By what is believed of the paths. */
static bool is_learned(const struct sender_facts *facts)
{
	return facts->is_learned && facts->is_reporting && facts->has_session && facts->table &&
	       facts->table->len;
}

/* Then not each flow that waits goes by the same. */
static inline bool have_flows_paths(const struct sender *s, const struct path_table *table)
{
	return s->pinned || table->mode == BONDING_BALANCE;
}

static enum sender_outcome note_outcome(struct sender *s, enum sender_outcome outcome)
{
	s->is_blocked = outcome == SENDER_BLOCKED;
	s->is_held_up = outcome != SENDER_RUN;
	return outcome;
}

static enum sender_outcome next_learned(struct sender *s, const struct sender_facts *facts,
                                        const struct send_hand *hand, uint64_t now_ns,
                                        struct send_run *ret_run)
{
	return note_outcome(s, (hand->is_urgent ? assign_urgent : assign_bulk)(
				       &s->stripe, facts->table, hand, now_ns, ret_run));
}

/* The first of what waits, and how much does. */
static struct send_hand hand_of(const struct send_queue *queue)
{
	const struct send_ticket *first = queue->first;

	return (struct send_hand){
		.left = {queue->bytes, queue->packets, send_ticket_next_bytes(first)},
		.read_packets = first->packets,
		.flow = first->flow,
		.is_urgent = first->is_urgent,
		.is_doubled = first->is_doubled,
		.is_pinned = first->is_pinned,
		.path_id = first->path_id,
	};
}

enum sender_outcome sender_next_run(struct sender *s, const struct sender_facts *facts,
                                    uint64_t now_ns, struct send_run *ret_run)
{
	const struct send_queue *queue = sender_first_queue(s);
	const bool learned = is_learned(facts);
	enum sender_outcome outcome;

	pacers_follow(&s->stripe.pacers, facts->table);
	if (!queue->first)
		return SENDER_NOTHING;
	if (learned && queue == &s->waiting && have_flows_paths(s, facts->table) &&
	    !assign_turn(&s->stripe, facts->table, &s->waiting, now_ns))
		return note_outcome(s, SENDER_WAIT);
	const struct send_hand hand = hand_of(queue);

	if (learned)
		return next_learned(s, facts, &hand, now_ns, ret_run);
	outcome = next_weighted(s, facts, hand.left.next_bytes, now_ns, ret_run);
	ret_run->is_urgent = queue == &s->urgent; /* where it is taken from */
	return outcome;
}

/* Bulk that waits has to all the same. */
static enum sender_outcome urgent_in_hand(struct sender *s, const struct sender_facts *facts,
                                          const struct send_hand *hand, uint64_t now_ns,
                                          struct send_run *ret_run)
{
	bool is_held_up = s->waiting.first && s->is_held_up;
	enum sender_outcome outcome = next_learned(s, facts, hand, now_ns, ret_run);

	s->is_held_up |= is_held_up;
	return outcome;
}

enum sender_outcome sender_run_for(struct sender *s, const struct sender_facts *facts,
                                   const struct send_hand *hand, uint64_t now_ns,
                                   struct send_run *ret_run)
{
	pacers_follow(&s->stripe.pacers, facts->table);
	if (!is_learned(facts))
		return next_weighted(s, facts, hand->left.next_bytes, now_ns, ret_run);
	if (hand->is_urgent)
		return urgent_in_hand(s, facts, hand, now_ns, ret_run);
	pull_offered(&s->stripe.pull, now_ns);
	return next_learned(s, facts, hand, now_ns, ret_run);
}

/* ---- what was sent ---- */

static void charge(struct sender *s, const struct path_table *table, const struct send_run *run)
{
	int slot = path_table_slot(table, run->path_id);
	int32_t rest = (int32_t)(run->bytes - s->prepaid_bytes);

	s->prepaid_bytes = 0;
	run_sent(&s->run, run->bytes);
	if (slot >= 0 && rest)
		pick_charge(&s->pick, table, (unsigned)slot, rest);
}

static uint32_t epoch_of(struct sender *s, uint32_t key)
{
	if (!s->epoch || s->key[s->epoch % SENDER_KEYS_KEPT] != key)
		s->key[++s->epoch % SENDER_KEYS_KEPT] = key;
	return s->epoch;
}

/* The virtual queue of the path before and after @run. */
static void charge_model(struct sender *s, uint8_t path_id, const struct send_run *run,
                         bool is_urgent, struct send_record *record, uint64_t now_ns)
{
	struct path_model *model = stripe_model(&s->stripe, path_id);

	if (!model)
		return;
	uint64_t queue_ns = path_model_queue_ns(model, now_ns);

	if (is_urgent)
		pull_latency_sent(&s->stripe.pull, path_id,
		                  capacity_cost_ns(&model->capacity,
		                                   run->bytes + run->packets * PATH_OVERHEAD),
		                  now_ns);
	pull_load_sent(&s->stripe.pull.load, is_urgent ? 0 : run->bytes, now_ns);
	record->queue_ns = queue_ns < UINT32_MAX ? (uint32_t)queue_ns : UINT32_MAX;
	record->corrected_ns = model->queue.corrected_ns;
	s->stripe.overflow.sent_bytes += run->bytes + run->packets * PATH_OVERHEAD;
	path_model_sent(model, run->bytes, run->packets, now_ns);
}

/* Without memory it goes unrecorded, as one that is long forgotten. */
static void record_on(struct sender *s, unsigned path_id, const struct send_record *record,
                      unsigned lane, uint64_t now_ns)
{
	struct sendlog **log = &s->log[path_id];

	if (!*log)
		*log = calloc(1, sizeof **log);
	if (!*log)
		return;
	sendlog_add(*log, lane, record, now_ns);
	if (s->rest_at_ns == NEVER_NS && sendlog_is_large(*log))
		s->rest_at_ns = now_ns + SENDER_REST_NS;
}

void sender_record(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                   const struct send_numbers *numbers, uint64_t now_ns)
{
	const uint32_t epoch = epoch_of(s, numbers->key);

	s->sent_ns = now_ns;
	for (unsigned mask = run->path_mask; mask; mask &= mask - 1) {
		unsigned path_id = (unsigned)__builtin_ctz(mask);
		struct send_record record = {.first = numbers->first,
		                             .bytes = run->bytes,
		                             .packets = run->packets,
		                             .epoch = epoch};

		if (facts->is_reporting)
			charge_model(s, (uint8_t)path_id, run,
			             numbers->lane == LANE_UNORDERED && is_learned(facts) &&
			                     bonding_mode_is_ordered(facts->table->mode),
			             &record, now_ns);
		record_on(s, path_id, &record, numbers->lane, now_ns);
	}
}

void sender_sent(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                 const struct send_numbers *numbers, uint64_t now_ns)
{
	assert(run->packets > 0);
	pacers_charge(&s->stripe.pacers, run->path_mask, run->bytes + run->packets * PATH_OVERHEAD,
	              now_ns);
	if (run->copy != DUPLICATE_NOT)
		duplicate_charge(s->stripe.duplicate, run->copy_path_id,
		                 s->stripe.model[run->copy_path_id], run->flow, run->bytes, now_ns);
	account_sent(s->stripe.account, account_kind(is_learned(facts), run->is_urgent),
	             run->path_id, run->path_mask, run->bytes);
	if (is_striped(facts->table) && !is_learned(facts))
		charge(s, facts->table, run);
	if (numbers)
		sender_record(s, facts, run, numbers, now_ns);
}

/* It and those before it are known no more. */
static uint32_t forgotten_epoch(const struct sender *s)
{
	return s->epoch > SENDER_KEYS_KEPT ? s->epoch - SENDER_KEYS_KEPT : 0;
}

uint32_t sender_epoch_of(const struct sender *s, uint32_t key)
{
	for (uint32_t epoch = s->epoch; epoch > forgotten_epoch(s); epoch--) {
		if (s->key[epoch % SENDER_KEYS_KEPT] == key)
			return epoch;
	}
	return 0;
}

/* A keypair that was used, left and used again has several epochs. */
const struct send_record *sender_find(const struct sender *s, unsigned path_id,
                                      const struct send_numbers *numbers)
{
	const struct sendlog *log = s->log[path_id];
	const struct send_record *record = NULL;

	for (uint32_t epoch = s->epoch; log && epoch > forgotten_epoch(s) && !record; epoch--) {
		if (s->key[epoch % SENDER_KEYS_KEPT] == numbers->key)
			record = sendlog_find(log, numbers->lane, epoch, numbers->first);
	}
	return record;
}

void sender_departed(struct sender *s, unsigned path_id, const struct send_numbers *numbers,
                     uint64_t at_ns)
{
	struct sendlog *log = s->log[path_id];
	bool is_found = !log;

	for (uint32_t epoch = s->epoch; epoch > forgotten_epoch(s) && !is_found; epoch--) {
		if (s->key[epoch % SENDER_KEYS_KEPT] == numbers->key)
			is_found =
				sendlog_departed(log, numbers->lane, epoch, numbers->first, at_ns);
	}
}

/* ---- what is given up, and when ---- */

/* What is dropped first: of what is in a hurry only when no bulk is left. */
static struct send_queue *queue_to_drop(struct sender *s)
{
	return s->waiting.first ? &s->waiting : &s->urgent;
}

enum sender_excess sender_excess(struct sender *s, uint64_t now_ns)
{
	if (now_ns >= SENDER_AGE_NS &&
	    send_queue_has_older(queue_to_drop(s), now_ns - SENDER_AGE_NS))
		return SENDER_TOO_OLD;
	return s->is_blocked && sender_waiting(s) > STAGED_MAX ? SENDER_TOO_MANY : SENDER_KEEPS;
}

enum sender_congestion sender_congested(struct sender *s, const struct sender_facts *facts,
                                        uint64_t now_ns)
{
	const struct send_ticket *oldest;

	if (!s->waiting.first || !(is_learned(facts) || (facts->table && s->stripe.pacers.paths)))
		return SENDER_FLOWS;
	/* Only limits hold bulk up where nothing was learned. */
	if (is_learned(facts) ? stripe_is_full(&s->stripe, facts->table, s->waiting.bytes, now_ns)
	                      : stripe_is_over_limits(&s->stripe, facts->table, s->waiting.bytes)) {
		send_queue_turn_to_longest(&s->waiting);
		return SENDER_DROPS;
	}
	if (is_learned(facts) && have_flows_paths(s, facts->table) &&
	    !assign_turn(&s->stripe, facts->table, &s->waiting, now_ns))
		return SENDER_FLOWS;
	oldest = s->waiting.first;
	if (!stripe_is_congested(&s->stripe, send_queue_codel(&s->waiting), s->waiting.bytes,
	                         now_ns > oldest->since_ns ? now_ns - oldest->since_ns : 0, now_ns))
		return SENDER_FLOWS;
	return oldest->is_ect ? SENDER_MARKS : SENDER_DROPS;
}

struct send_ticket *sender_drop(struct sender *s)
{
	struct send_queue *queue = queue_to_drop(s);

	if (!queue->first)
		return NULL;
	s->pinned -= queue->first->is_pinned;
	return send_queue_take(queue);
}

uint64_t sender_alarm_ns(const struct sender *s)
{
	const struct send_queue *queue = s->waiting.first ? &s->waiting : &s->urgent;
	uint64_t oldest_ns = send_queue_oldest_ns(queue);
	uint64_t old_ns = oldest_ns == NEVER_NS ? NEVER_NS : oldest_ns + SENDER_AGE_NS;

	return old_ns < s->rest_at_ns ? old_ns : s->rest_at_ns;
}

uint64_t sender_pump_ns(const struct sender *s)
{
	bool is_waiting = s->waiting.first || repair_is_waiting(s->stripe.repair);
	uint64_t pull_ns =
		is_waiting && s->stripe.wait_until_ns ? s->stripe.wait_until_ns : NEVER_NS;
	uint64_t copy_ns = duplicate_due_ns(s->stripe.duplicate);

	return pull_ns < copy_ns ? pull_ns : copy_ns;
}

void sender_service(struct sender *s, uint64_t now_ns)
{
	if (now_ns < s->rest_at_ns)
		return;
	s->rest_at_ns = s->sent_ns + SENDER_REST_NS; /* as a rule it was not idle so long */
	if (now_ns < s->rest_at_ns)
		return;
	s->rest_at_ns = NEVER_NS;
	send_queue_rest(&s->waiting);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (s->log[i])
			sendlog_rest(s->log[i]);
	}
}

void sender_view(const struct sender *s, struct sender_view *ret)
{
	*ret = (struct sender_view){.waiting_packets = sender_waiting(s),
	                            .waiting_bytes = s->waiting.bytes + s->urgent.bytes,
	                            .bytes_per_s = s->run.bytes_per_s};
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (!s->log[i])
			continue;
		ret->path[i].packets = s->log[i]->packets;
		ret->path[i].bytes = s->log[i]->bytes;
	}
}
