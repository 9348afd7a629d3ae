/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/runs.h"

#include <assert.h>

#include "crypto/keypair.h"
#include "dataplane/activity.h"
#include "dataplane/batch.h"
#include "dataplane/peer.h"
#include "dataplane/work.h"

/* Runs that are numbered before they are worked on: a super-packet over several paths at least. */
#define RUNS_AT_ONCE 16u

void runs_init(struct runs *runs, struct dp_peer *peer)
{
	*runs = (struct runs){.peer = peer};
	sender_init(&runs->sender);
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

static void add(struct dp_thread *self, struct runs *runs, struct batch *b)
{
	append(&runs->done, b);
	runs->count++;
	if (runs->done.len == RUNS_AT_ONCE)
		runs_work(self, &runs->done, true);
}

/* Into the order of each path that carries it. */
static void enter_paths(struct dp_peer *peer, struct batch *b)
{
	atomic_store_explicit(&b->paths_left, (unsigned)__builtin_popcount(b->path_mask),
	                      memory_order_relaxed);
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

static void close_batch(struct dp_thread *self, struct runs *runs)
{
	struct keypair *kp = runs->kp;
	struct batch *b = runs->open;

	if (!b)
		return;
	runs->open = NULL;
	b->first_counter = keypair_reserve(kp, runs->lane, b->len);
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
	enter_paths(runs->peer, b);
	add(self, runs, b);
}

/* The present run is over. Nobody asks yet what was sent under which numbers. */
static void end_run(struct runs *runs)
{
	if (runs->run.packets)
		sender_sent(&runs->sender, &runs->facts, &runs->run, NULL, 0);
	runs->run = (struct send_run){0};
}

void runs_close(struct dp_thread *self, struct runs *runs)
{
	end_run(runs);
	close_batch(self, runs);
}

void runs_add_late(struct dp_thread *self, struct runs *runs, struct batch *b)
{
	b->first_counter = keypair_reserve(b->keypair, b->lane, 1);
	sequencer_enter(&runs->peer->path[b->path_id].leaving, &b->order);
	add(self, runs, b);
}

/* In the open batch, for a packet of @len bytes. */
static bool has_room(const struct runs *runs, size_t len)
{
	return runs->open && batch_has_room_for(runs->open, len);
}

/* For the present run, which begins with a packet of @len bytes. False: no memory. */
static bool open_batch(struct dp_thread *self, struct runs *runs, size_t len)
{
	struct batch *b = batch_get_for(&self->pool, len);

	assert(runs->run.path_id < PATHS_MAX);
	if (!b)
		return false;
	b->kind = BATCH_SEAL;
	b->path_id = runs->run.path_id;
	b->path_mask = runs->run.path_mask;
	runs->open = b;
	return true;
}

/* The run that begins with a packet of @len bytes, and a batch for it. False: no memory. Should
 * others have taken the last of it while a full batch was sent off, the sender says the same again
 * when it is asked again: nothing was taken.
 */
static bool begin_run(struct dp_thread *self, struct runs *runs, size_t len)
{
	if (!batch_pool_has_idle(&self->pool))
		return false;
	end_run(runs);
	sender_run_for(&runs->sender, &runs->facts, (uint32_t)len, self->now_ns, &runs->run);
	if (has_room(runs, len) && runs->open->path_id == runs->run.path_id)
		return true;
	close_batch(self, runs);
	return open_batch(self, runs, len);
}

uint8_t *runs_place(struct dp_thread *self, struct runs *runs, size_t len)
{
	if (!has_room(runs, len) || !send_run_add(&runs->run, (uint32_t)len)) {
		if (!begin_run(self, runs, len))
			return NULL;
		send_run_add(&runs->run, (uint32_t)len);
	}
	return batch_place(runs->open, len);
}

uint8_t *runs_pull(struct dp_thread *self, struct runs *runs, struct send_ticket **ret_ticket)
{
	size_t len = send_ticket_next_bytes(runs->sender.waiting.first);
	struct send_ticket *ticket =
		has_room(runs, len) ? sender_take(&runs->sender, &runs->run) : NULL;

	if (!ticket) {
		if (!begin_run(self, runs, len))
			return NULL;
		ticket = sender_take(&runs->sender, &runs->run);
	}
	*ret_ticket = ticket;
	return batch_place(runs->open, len);
}

bool runs_begin(struct dp_thread *self, struct runs *runs)
{
	const struct path_table *table = rcu_dereference(runs->peer->path_table);
	struct keypair *kp = rcu_dereference(runs->peer->current);
	bool has_lanes;

	runs->kp = NULL;
	runs->facts = (struct sender_facts){.table = table};
	if (!kp || !table || !table->len ||
	    atomic_load_explicit(&runs->peer->data_refused, memory_order_relaxed))
		return false;
	has_lanes = atomic_load_explicit(&kp->send_lanes, memory_order_relaxed);
	runs->lane = has_lanes && table->mode != BONDING_AGGREGATE ? LANE_UNORDERED : LANE_ORDERED;
	if (!keypair_can_send(kp, self->now_ns, runs->lane))
		return false;
	runs->facts.has_session = true;
	runs->kp = kp;
	return true;
}
