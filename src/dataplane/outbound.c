/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/outbound.h"

#include <assert.h>

#include "crypto/keypair.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer.h"
#include "dataplane/work.h"

void outbound_want_session(struct dp_peer *peer)
{
	if (atomic_load_explicit(&peer->session_wanted, memory_order_relaxed))
		return;
	atomic_store_explicit(&peer->session_wanted, true, memory_order_relaxed);
	mailbox_tell(peer, PEER_EVENT_WANT_SESSION);
}

/* Into the order of each path that carries it. */
static void enter_paths(struct dp_peer *peer, struct batch *b)
{
	atomic_store_explicit(&b->paths_left, (unsigned)__builtin_popcount(b->path_mask),
	                      memory_order_relaxed);
	for (unsigned mask = b->path_mask; mask; mask &= mask - 1)
		sequencer_enter(&peer->path[__builtin_ctz(mask)].leaving, &b->order);
}

/* Numbers and submits what the round holds for @out. */
static void submit_peer(struct dp_thread *self, struct outbound *out, bool more)
{
	struct dp_peer *peer = out->peer;
	struct keypair *kp = out->round_keypair;
	struct batch *entered[PATHS_MAX];
	unsigned len = 0;
	uint64_t first;

	dp_peer_begin_numbering(peer);
	first = keypair_reserve(kp, out->round_lane, out->round_len);
	for (unsigned mask = out->round_paths; mask; mask &= mask - 1) {
		unsigned path_id = (unsigned)__builtin_ctz(mask);
		struct batch *b = out->open[path_id];

		out->open[path_id] = NULL;
		if (first == UINT64_MAX) {
			dp_drop_batch(self, b, DROP_COUNTER_LIMIT);
			continue;
		}
		b->peer = dp_peer_get(peer);
		if (!b->peer || !keypair_get(kp)) {
			dp_drop_batch(self, b, DROP_NO_SESSION);
			continue;
		}
		b->keypair = kp;
		b->first_counter = first;
		enter_paths(peer, b);
		entered[len++] = b;
	}
	dp_peer_end_numbering(peer);
	for (unsigned i = 0; i < len; i++)
		work_submit(self, entered[i], more || i + 1 < len);
	/* Whitepaper 6.2: the initiator renews a key that is old enough, when it sends with it. */
	if ((kp->is_initiator && self->now_ns >= kp->rekey_ns) ||
	    (first & ((1ull << LANE_SHIFT) - 1)) >= REKEY_AFTER_MESSAGES)
		outbound_want_session(peer);
	out->round_len = 0;
	out->round_paths = 0;
}

void round_end(struct round *r, bool more)
{
	while (r->first) {
		struct outbound *out = r->first;

		r->first = out->round_next;
		if (out->round_len)
			submit_peer(r->self, out, more);
		out->round_keypair = NULL;
	}
}

/* Enters @out into the round with the keypair of this moment. False: it cannot send now. */
static bool join_round(struct round *r, struct outbound *out, const struct path_table *table)
{
	struct keypair *kp = rcu_dereference(out->peer->current);
	bool has_lanes;

	if (!kp)
		return false;
	has_lanes = atomic_load_explicit(&kp->send_lanes, memory_order_relaxed);
	out->round_lane =
		has_lanes && table->mode != BONDING_AGGREGATE ? LANE_UNORDERED : LANE_ORDERED;
	if (!keypair_can_send(kp, r->self->now_ns, out->round_lane))
		return false;
	out->round_keypair = kp;
	out->round_next = r->first;
	r->first = out;
	run_tick(&out->run, r->self->now_ns);
	return true;
}

static uint16_t mask_of(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < table->len; i++)
		mask |= (uint16_t)(1u << table->slot[i].path_id);
	return mask;
}

/* The slot of the path for a packet of @bytes: that of the present run, or a newly picked one. */
static unsigned choose_slot(struct outbound *out, const struct path_table *table, uint32_t bytes)
{
	int slot;

	if (table->mode != BONDING_AGGREGATE || table->len == 1)
		return 0;
	slot = run_slot(&out->run, table);
	if (slot >= 0) {
		pick_charge(&out->pick, table, (unsigned)slot, bytes);
	} else {
		slot = (int)pick_path(&out->pick, table, bytes);
		run_begin(&out->run, table, (unsigned)slot);
	}
	run_sent(&out->run, bytes);
	return (unsigned)slot;
}

/* The open batch for the next packet of @len bytes; NULL when the peer cannot send. */
static struct batch *open_batch_for(struct round *r, struct outbound *out, size_t len)
{
	const struct path_table *table = rcu_dereference(out->peer->path_table);
	unsigned path_id;
	struct batch *b;

	if (!table || table->len == 0)
		return NULL;
	if (!out->round_keypair && !join_round(r, out, table))
		return NULL;
	path_id = table->slot[choose_slot(out, table, (uint32_t)len)].path_id;
	assert(path_id < PATHS_MAX);
	b = out->open[path_id];
	if (b)
		return b;
	b = batch_get(&r->self->pool);
	if (!b)
		return NULL;
	b->kind = BATCH_SEAL;
	b->path_id = (uint8_t)path_id;
	b->path_mask =
		table->mode == BONDING_REDUNDANT ? mask_of(table) : (uint16_t)(1u << path_id);
	out->open[path_id] = b;
	out->round_paths |= (uint16_t)(1u << path_id);
	return b;
}

uint8_t *round_reserve(struct round *r, struct outbound *out, size_t len)
{
	struct batch *b = open_batch_for(r, out, len);
	struct segment *seg;

	if (!b)
		return NULL;
	seg = batch_append(b, r->self->pool.stride);
	seg->len = (uint16_t)len;
	seg->rank = (uint16_t)out->round_len++;
	r->is_full = b->len == r->self->pool.slots;
	return segment_payload(b, seg);
}

void round_commit(struct round *r)
{
	if (r->is_full)
		round_end(r, true);
	r->is_full = false;
}
