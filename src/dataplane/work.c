/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/work.h"

#include <assert.h>

#include "base/clock.h"
#include "dataplane/deliver.h"
#include "dataplane/leave.h"
#include "dataplane/open.h"
#include "dataplane/peer.h"
#include "dataplane/seal.h"

/* Workers beside its own whose load is looked at for a batch: each costs a cache line of another
 * processor, and more than two hardly find a better one (Mitzenmacher, "The power of two choices in
 * randomized load balancing"). With up to four workers it is all of them.
 */
#define LOOK_AT_OTHERS 3u

static struct sequencer *sequencer_of(struct dp_peer *peer, unsigned path_id)
{
	return path_id == PATH_NONE ? &peer->arriving : &peer->path[path_id].leaving;
}

static void deliver_next(struct dp_thread *self, struct in_order *at, unsigned slot);

static void leave_next(struct dp_thread *self, struct in_order *at, unsigned path_id)
{
	leave_on_path(self, caa_container_of(at, struct batch, order), path_id);
}

static sequencer_emit emit_of(unsigned path_id)
{
	return path_id == PATH_NONE ? deliver_next : leave_next;
}

/* Another turn of emitting for @peer: by a worker, for whom it is one batch among others. Without
 * memory for that the role stays here. Each batch that is still to be emitted has a reference to
 * the peer: with none left there is nothing to do.
 */
static void pass_role_on(struct dp_thread *self, struct dp_peer *peer, unsigned path_id)
{
	struct batch *turn;

	while (!(turn = batch_get(&self->pool))) {
		if (sequencer_go_on(sequencer_of(peer, path_id), self, emit_of(path_id)))
			return;
	}
	turn->kind = BATCH_TURN;
	turn->path_id = (uint8_t)path_id;
	turn->peer = dp_peer_get(peer);
	if (turn->peer)
		work_hand_over(self, turn);
	else
		batch_free(turn);
}

/* The peer outlives the batch that may be gone after this. */
static void finish(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	struct dp_peer *peer = b->peer;

	if (!sequencer_finish(sequencer_of(peer, path_id), self, &b->order, emit_of(path_id)))
		pass_role_on(self, peer, path_id);
}

/* What follows leaves between two deliveries, not after all of a turn: so it never takes more of
 * the pool than one batch gives rise to, an answer and a report over each path.
 */
static void deliver_next(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = caa_container_of(at, struct batch, order), *next;
	struct dp_peer *peer = b->peer; /* outlives it, until this thread is quiescent */
	uint64_t due_ns;

	(void)slot; /* arrivals have but one order */
	due_ns = deliver_batch(self, b);
	if (peer->reorder || peer->feedback) /* or nothing ever waits */
		work_set_alarm(self, peer, &peer->overdue, due_ns);
	while ((next = dp_take_follower(self)))
		finish(self, next, next->path_id);
	if (self->has_news) {
		self->has_news = false;
		self->work->kick(self, peer);
	}
}

/* On every path that carries it. As soon as it is marked it may be gone. */
static void finish_sealed(struct dp_thread *self, struct batch *b)
{
	struct dp_peer *peer = b->peer;
	unsigned mask = b->path_mask;

	sequencer_mark(&b->order);
	for (; mask; mask &= mask - 1) {
		unsigned path_id = (unsigned)__builtin_ctz(mask);

		if (!sequencer_finish_marked(&peer->path[path_id].leaving, self, leave_next))
			pass_role_on(self, peer, path_id);
	}
}

static void take_turn(struct dp_thread *self, struct batch *turn)
{
	if (!sequencer_go_on(sequencer_of(turn->peer, turn->path_id), self, emit_of(turn->path_id)))
		work_hand_over(self, turn);
	else
		batch_free(turn);
}

void work_run(struct dp_thread *self, struct batch *b)
{
	switch (b->kind) {
	case BATCH_SEAL:
		seal_batch(self, b);
		finish_sealed(self, b);
		break;
	case BATCH_OPEN:
		open_batch(self, b);
		finish(self, b, PATH_NONE);
		break;
	case BATCH_SEALED:
	case BATCH_LATE:
		finish(self, b, b->path_id);
		break;
	case BATCH_FLUSH:
		finish(self, b, PATH_NONE);
		break;
	case BATCH_TURN:
		take_turn(self, b);
		break;
	case BATCH_HANDSHAKE:
	case BATCH_NOTICE:
		assert(!"not for workers");
	}
}

/* A worker of its own for each direction of a peer. */
static unsigned home_of(const struct work *work, const struct dp_peer *peer, unsigned direction)
{
	return (unsigned)(((uintptr_t)peer / sizeof *peer + direction) % work->count);
}

/* A peer's batches stay on one worker while it has nothing else, for the sake of its caches. While
 * it is busy they go to the first that has nothing, or to the least busy of those looked at. A
 * thread begins to look elsewhere each time, so that not all run to the same one.
 */
static struct worker *choose_worker(struct dp_thread *self, const struct batch *b)
{
	const struct work *work = self->work;
	unsigned count = work->count;
	unsigned others = count - 1 < LOOK_AT_OTHERS ? count - 1 : LOOK_AT_OTHERS;
	unsigned home = home_of(work, b->peer, b->kind == BATCH_OPEN);
	struct worker *best = &work->worker[home];
	unsigned least = others ? inbox_load(&best->inbox) : 0;

	for (unsigned i = 0; i < others && least; i++) {
		unsigned at = (home + 1 + (self->looked_at + i) % (count - 1)) % count;
		struct worker *other = &work->worker[at];
		unsigned load = inbox_load(&other->inbox);

		if (load < least) {
			least = load;
			best = other;
		}
	}
	self->looked_at++;
	return best;
}

void work_hand_over(struct dp_thread *self, struct batch *b)
{
	inbox_push(&choose_worker(self, b)->inbox, b);
}

void work_submit(struct dp_thread *self, struct batch *b, bool more)
{
	struct worker *w = choose_worker(self, b);
	bool hand_over = more && self->work->hand_over;

	if (!hand_over && inbox_is_idle(&w->inbox))
		work_run(self, b);
	else
		inbox_push(&w->inbox, b);
}

void work_finish(struct work *work, struct dp_thread *self)
{
	bool is_done;
	struct batch *b;

	do {
		is_done = true;
		for (unsigned i = 0; i < work->count; i++) {
			while ((b = inbox_take(&work->worker[i].inbox))) {
				work_run(self, b);
				is_done = false;
			}
		}
	} while (!is_done);
}

void work_set_alarm(struct dp_thread *self, const struct dp_peer *peer, struct alarm *alarm,
                    uint64_t at_ns)
{
	struct worker *w = &self->work->worker[home_of(self->work, peer, 0)];

	if (alarm_set(alarm, &w->alarms, at_ns))
		inbox_nudge(&w->inbox);
}

/* Rings the alarms whose time has come. Returns when to do so next. */
static uint64_t serve_alarms(struct worker *w)
{
	uint64_t next_ns = alarms_take(&w->alarms);

	if (next_ns == NEVER_NS)
		return next_ns;
	alarms_run(&w->alarms, clock_boot_ns());
	rcu_quiescent_state();
	return alarms_take(&w->alarms);
}

void worker_main(void *arg)
{
	struct worker *w = arg;
	uint64_t next_ns = NEVER_NS;

	while (inbox_wait_until(&w->inbox, next_ns)) {
		struct batch *b;

		while ((b = inbox_take(&w->inbox))) {
			work_run(&w->self, b);
			rcu_quiescent_state();
			if (alarms_have_any(&w->alarms))
				serve_alarms(w);
		}
		next_ns = serve_alarms(w);
	}
}
