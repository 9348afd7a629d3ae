/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/runs.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto/keypair.h"
#include "dataplane/activity.h"
#include "dataplane/batch.h"
#include "dataplane/feedback.h"
#include "dataplane/peer.h"
#include "dataplane/super_packet.h"
#include "dataplane/work.h"
#include "sched/copies.h"
#include "sched/heard.h"

/* Runs that are numbered before they are worked on: a super-packet over several paths at least. */
#define RUNS_AT_ONCE 16u

void runs_init(struct runs *runs, struct dp_peer *peer)
{
	*runs = (struct runs){.peer = peer};
	sender_init(&runs->sender);
}

void runs_fini(struct runs *runs)
{
	kept_clear(&runs->kept);
	free(runs->classes);
	sender_fini(&runs->sender);
}

static void append(struct run_list *list, struct batch *b)
{
	b->next = NULL;
	if (list->first)
		list->last->next = b;
	else
		list->first = b;
	list->last = b;
	list->len++;
}

void runs_work(struct dp_thread *self, struct run_list *list, bool more)
{
	struct batch *b = list->first, *next;

	*list = (struct run_list){0};
	for (; b; b = next) {
		next = b->next;
		work_submit(self, b, more || next);
	}
}

void runs_take(struct runs *runs, struct run_list *list)
{
	struct run_list *from = &runs->done;

	if (!from->first)
		return;
	if (list->first)
		list->last->next = from->first;
	else
		list->first = from->first;
	list->last = from->last;
	list->len += from->len;
	*from = (struct run_list){0};
}

void runs_add(struct dp_thread *self, struct runs *runs, struct batch *b)
{
	append(&runs->done, b);
	runs->count++;
	if (runs->done.len == RUNS_AT_ONCE)
		runs_work(self, &runs->done, true);
}

/* Into the order of each path that carries it. */
static void enter_paths(struct dp_peer *peer, struct batch *b)
{
	batch_begin_leaving(b);
	for (unsigned mask = b->path_mask; mask; mask &= mask - 1)
		sequencer_enter(&peer->path[__builtin_ctz(mask)].leaving, &b->order);
}

/* Whitepaper 6.2: the initiator renews a key that is old enough, when it sends with it. */
static void renew_key(struct dp_peer *peer, const struct keypair *kp, uint64_t now_ns,
                      uint64_t counter)
{
	if ((kp->is_initiator && now_ns >= kp->rekey_ns) ||
	    (counter & ((1ull << LANE_SHIFT) - 1)) >= REKEY_AFTER_MESSAGES)
		dp_peer_want_session(peer);
}

static struct send_numbers numbers_of(const struct batch *b)
{
	return (struct send_numbers){.first = b->first_counter & ((1ull << LANE_SHIFT) - 1),
	                             .key = b->keypair->remote_index,
	                             .lane = b->lane};
}

/* Of a peer that reports, what was sent is to be found again. Without memory for it the path learns
 * nothing from it.
 */
static void record(struct runs *runs, const struct batch *b, uint64_t now_ns)
{
	const struct send_numbers numbers = numbers_of(b);
	struct send_run all = {.path_id = b->path_id, .path_mask = b->path_mask, .packets = b->len};

	for (unsigned i = 0; i < b->len; i++)
		all.bytes += b->segment[i].len;
	sender_record(&runs->sender, &runs->facts, &all, &numbers, now_ns);
}

/* What has memory to stay in stays, until nobody can miss it any more. */
static void keep(struct dp_thread *self, struct runs *runs, struct batch *b)
{
	const struct kept_entry entry = {.batch = b,
	                                 .first = b->first_counter & ((1ull << LANE_SHIFT) - 1),
	                                 .since_ns = self->now_ns,
	                                 .epoch = runs->sender.epoch};

	if (b->home == &self->lasting)
		b->is_kept = kept_add(&runs->kept, b->lane, &entry);
	if (b->is_kept && runs->leaves_twice) {
		const struct send_numbers numbers = numbers_of(b);

		sender_copy_later(&runs->sender, b->path_id, &numbers, self->now_ns);
	}
}

static void close_batch(struct dp_thread *self, struct runs *runs)
{
	struct keypair *kp = runs->kp;
	struct batch *b = runs->open;

	if (!b)
		return;
	runs->open = NULL;
	b->first_counter = keypair_reserve(kp, b->lane, b->len);
	renew_key(runs->peer, kp, self->now_ns, b->first_counter);
	if (b->first_counter == UINT64_MAX) {
		dp_drop_batch(self, b, DROP_COUNTER_LIMIT);
		return;
	}
	b->peer = dp_peer_get(runs->peer);
	if (!b->peer || !keypair_get(kp)) {
		dp_drop_batch(self, b, DROP_NO_SESSION);
		return;
	}
	b->keypair = kp;
	if (runs->feedback)
		record(runs, b, self->now_ns);
	if (runs->facts.is_learned)
		keep(self, runs, b);
	enter_paths(runs->peer, b);
	runs_add(self, runs, b);
}

/* The present run is over. What is sent under which numbers is recorded by the batch. */
static void end_run(const struct dp_thread *self, struct runs *runs)
{
	if (runs->run.packets)
		sender_sent(&runs->sender, &runs->facts, &runs->run, NULL, self->now_ns);
	runs->run = (struct send_run){0};
}

void runs_close(struct dp_thread *self, struct runs *runs)
{
	end_run(self, runs);
	close_batch(self, runs);
}

/* The datagram, number @index of @from, leaves again on path @path_id. False: the peer is going. */
static bool send_again(struct dp_thread *self, struct runs *runs, const struct batch *from,
                       unsigned index, uint8_t path_id)
{
	struct batch *b = batch_borrow(&self->pool, from, runs->peer, index, 1, path_id);

	if (!b)
		return false;
	batch_begin_leaving(b);
	sequencer_enter(&runs->peer->path[path_id].leaving, &b->order);
	runs_add(self, runs, b);
	return true;
}

/* What has @numbers leaves again on path @path_id, or on another one if it is too long for that.
 * False: not now.
 */
static bool repair(struct dp_thread *self, struct runs *runs, const struct send_numbers *numbers,
                   uint8_t path_id)
{
	uint32_t epoch = sender_epoch_of(&runs->sender, numbers->key), bytes = 0;
	const struct batch *from;
	unsigned index;

	from = kept_find(&runs->kept, numbers->lane, epoch, numbers->first, &index);
	if (from)
		bytes = from->segment[index].len - TRANSPORT_OVERHEAD;
	if (from &&
	    !sender_fit_repair(&runs->sender, &runs->facts, bytes, self->now_ns, &path_id))
		return false;
	if (from && !send_again(self, runs, from, index, path_id))
		bytes = 0;
	sender_repaired(&runs->sender, path_id, bytes, self->now_ns);
	return true;
}

static void send_copy(struct dp_thread *self, struct runs *runs, const struct send_numbers *numbers,
                      uint8_t path_id)
{
	uint32_t epoch = sender_epoch_of(&runs->sender, numbers->key);
	const struct batch *from;
	unsigned index;

	from = kept_find(&runs->kept, numbers->lane, epoch, numbers->first, &index);
	if (from && send_again(self, runs, from, index, path_id))
		sender_copied(&runs->sender, path_id,
		              from->segment[index].len - TRANSPORT_OVERHEAD, self->now_ns);
}

static bool send_copies(struct dp_thread *self, struct runs *runs)
{
	struct send_numbers numbers;
	uint8_t path_id;

	while (runs->facts.is_learned && sender_copy_is_due(&runs->sender, self->now_ns)) {
		if (!batch_pool_has_idle(&self->pool))
			return false;
		if (sender_take_copy(&runs->sender, &runs->facts, &numbers, &path_id))
			send_copy(self, runs, &numbers, path_id);
	}
	return true;
}

bool runs_send_repairs(struct dp_thread *self, struct runs *runs)
{
	struct send_numbers numbers;
	uint8_t path_id;

	while (runs->facts.is_learned &&
	       sender_next_repair(&runs->sender, &runs->facts, self->now_ns, &numbers, &path_id)) {
		if (!batch_pool_has_idle(&self->pool))
			return false;
		if (!repair(self, runs, &numbers, path_id))
			break;
	}
	return send_copies(self, runs);
}

void runs_add_late(struct dp_thread *self, struct runs *runs, struct batch *b)
{
	b->first_counter = keypair_reserve(b->keypair, b->lane, 1);
	sequencer_enter(&runs->peer->path[b->path_id].leaving, &b->order);
	runs_add(self, runs, b);
}

static uint8_t lane_of(const struct runs *runs, const struct send_run *run)
{
	return runs->has_lanes && !run->is_ordered ? LANE_UNORDERED : LANE_ORDERED;
}

/* In the open batch, for a packet of @len bytes. */
static bool has_room(const struct runs *runs, size_t len)
{
	return runs->open && batch_has_room_for(runs->open, len);
}

/* The same, and it is one that the present run may go on in. */
static bool goes_on(const struct runs *runs, size_t len)
{
	return has_room(runs, len) && runs->open->path_id == runs->run.path_id &&
	       runs->open->path_mask == runs->run.path_mask &&
	       runs->open->lane == lane_of(runs, &runs->run);
}

/* What leaves over several paths at once is not: as a rule one of them brings it. */
static bool is_to_be_kept(const struct runs *runs)
{
	return runs->facts.is_learned && runs->run.copy != DUPLICATE_BESIDE;
}

/* For the present run, which begins with a packet of @len bytes. False: no memory. */
static bool open_batch(struct dp_thread *self, struct runs *runs, size_t len)
{
	struct batch *b = NULL;

	assert(runs->run.path_id < PATHS_MAX);
	if (is_to_be_kept(runs))
		b = batch_get_for(&self->lasting, len);
	if (!b)
		b = batch_get_for(&self->pool, len);
	if (!b)
		return false;
	b->kind = BATCH_SEAL;
	b->path_id = runs->run.path_id;
	b->path_mask = runs->run.path_mask;
	b->lane = lane_of(runs, &runs->run);
	b->copies_ecn = runs->copies_ecn;
	runs->open = b;
	runs->leaves_twice = runs->run.copy == DUPLICATE_LATER;
	return true;
}

/* A batch for the run that was begun with a packet of @len bytes. Should others have taken the last
 * of the memory while a full batch was sent off, the sender says the same again when it is asked
 * again: nothing was taken.
 */
static enum runs_outcome find_batch(struct dp_thread *self, struct runs *runs, size_t len)
{
	if (goes_on(runs, len))
		return RUNS_PLACED;
	close_batch(self, runs);
	return open_batch(self, runs, len) ? RUNS_PLACED : RUNS_NO_MEMORY;
}

/* What was sent is charged to its path before the next is chosen by what is believed of them: so a
 * run is a batch then.
 */
static bool end_before_next(struct dp_thread *self, struct runs *runs)
{
	if (!batch_pool_has_idle(&self->pool))
		return false;
	end_run(self, runs);
	if (runs->facts.is_learned)
		close_batch(self, runs);
	return true;
}

static struct send_hand hand_of(const struct super_packet *cut, const struct send_class *class)
{
	const unsigned packets = super_packet_left(cut);
	const uint32_t len = (uint32_t)super_packet_next_len(cut);

	return (struct send_hand){
		.left = {.bytes = (uint64_t)(packets - 1) * len + super_packet_last_len(cut),
	                 .packets = packets,
	                 .next_bytes = len},
		.read_packets = packets,
		.flow = class->flow,
		.is_urgent = class->is_urgent,
		.is_doubled = class->is_doubled,
		.is_pinned = class->is_pinned,
		.path_id = class->path_id,
	};
}

static enum runs_outcome begin_with(struct dp_thread *self, struct runs *runs,
                                    const struct super_packet *cut, const struct send_class *class)
{
	const struct send_hand hand = hand_of(cut, class);

	if (!end_before_next(self, runs))
		return RUNS_NO_MEMORY;
	if (sender_run_for(&runs->sender, &runs->facts, &hand, self->now_ns, &runs->run) !=
	    SENDER_RUN)
		return RUNS_WAIT;
	return find_batch(self, runs, hand.left.next_bytes);
}

enum runs_outcome runs_place(struct dp_thread *self, struct runs *runs,
                             const struct super_packet *cut, const struct send_class *class,
                             uint8_t **ret_at)
{
	size_t len = super_packet_next_len(cut);
	enum runs_outcome outcome;

	if (!has_room(runs, len) || runs->run.is_urgent != class->is_urgent ||
	    !send_run_suits(&runs->run, class->flow, class->is_pinned) ||
	    !send_run_add(&runs->run, (uint32_t)len)) {
		outcome = begin_with(self, runs, cut, class);
		if (outcome != RUNS_PLACED)
			return outcome;
		send_run_add(&runs->run, (uint32_t)len);
	}
	*ret_at = batch_place(runs->open, len);
	return RUNS_PLACED;
}

bool runs_begins_anew(const struct runs *runs)
{
	const struct send_queue *queue = sender_first_queue(&runs->sender);
	const struct send_run *run = &runs->run;

	uint32_t bytes = send_ticket_next_bytes(queue->first);

	return !has_room(runs, bytes) || run->is_urgent != (queue == &runs->sender.urgent) ||
	       !send_run_suits(run, queue->first->flow, queue->first->is_pinned) ||
	       !send_run_takes(run, bytes);
}

enum runs_outcome runs_pull(struct dp_thread *self, struct runs *runs,
                            struct send_ticket **ret_ticket, uint8_t **ret_at)
{
	const struct send_queue *queue = sender_first_queue(&runs->sender);
	enum runs_outcome outcome = RUNS_PLACED;
	size_t len = send_ticket_next_bytes(queue->first);

	if (runs_begins_anew(runs)) {
		if (!end_before_next(self, runs))
			return RUNS_NO_MEMORY;
		if (sender_next_run(&runs->sender, &runs->facts, self->now_ns, &runs->run) !=
		    SENDER_RUN)
			return RUNS_WAIT;
		len = send_ticket_next_bytes(queue->first); /* another may have the turn now */
		outcome = find_batch(self, runs, len);
	}
	if (outcome != RUNS_PLACED)
		return outcome;
	*ret_ticket = sender_take(&runs->sender, &runs->run);
	*ret_at = batch_place(runs->open, len);
	return RUNS_PLACED;
}

bool runs_begin(struct dp_thread *self, struct runs *runs)
{
	const struct path_table *table = rcu_dereference(runs->peer->path_table);
	struct keypair *kp = rcu_dereference(runs->peer->current);
	uint8_t lane; /* that is needed in any case */

	runs->kp = NULL;
	runs->facts = (struct sender_facts){.table = table};
	if (!kp || !table || !table->len ||
	    atomic_load_explicit(&runs->peer->data_refused, memory_order_relaxed))
		return false;
	runs->has_lanes = atomic_load_explicit(&kp->send_lanes, memory_order_relaxed);
	runs->copies_ecn = runs->has_lanes ||
	                   atomic_load_explicit(&runs->peer->copies_ecn, memory_order_relaxed);
	lane = runs->has_lanes && table->mode != BONDING_AGGREGATE ? LANE_UNORDERED : LANE_ORDERED;
	if (!keypair_can_send(kp, self->now_ns, lane))
		return false;
	runs->feedback = runs->has_lanes ? feedback_of(runs->peer) : NULL;
	runs->sender.stripe.account = runs->feedback ? &runs->feedback->account : NULL;
	runs->facts.has_session = true;
	runs->facts.is_reporting = runs->feedback != NULL;
	/* A path that always was alone has nothing to be chosen from, and takes what comes. */
	runs->facts.is_learned =
		runs->feedback &&
		(path_table_all(table) > 1 || !stripe_is_alone(&runs->sender.stripe)) &&
		keypair_can_send(kp, self->now_ns, LANE_ORDERED) &&
		keypair_can_send(kp, self->now_ns, LANE_UNORDERED);
	runs->kp = kp;
	return true;
}
