/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/outflow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/activity.h"
#include "dataplane/batch.h"
#include "dataplane/peer.h"
#include "dataplane/tun.h"
#include "dataplane/waiting.h"

/* After so many the role goes to another, who may have more time for it. */
#define RUNS_PER_TURN 256u

struct outflow *outflow_create(struct dp_peer *peer, unsigned queues)
{
	size_t bytes = sizeof(struct outflow) + queues * sizeof(struct intake);
	struct outflow *out = aligned_alloc(CACHE_LINE, align_up(bytes, CACHE_LINE));

	if (!out)
		return NULL;
	*out = (struct outflow){.peer = peer, .queues = queues};
	runs_init(&out->runs, peer);
	for (unsigned i = 0; i < queues; i++)
		out->intake[i] = (struct intake){.outflow = out, .staged.peer = peer};
	__cds_wfcq_init(&out->read_head, &out->read_tail);
	__cds_wfcq_init(&out->late_head, &out->late_tail);
	return out;
}

/* The next in the queue; NULL also while one is half queued: that thread asks for the role then. */
static struct cds_wfcq_node *dequeue(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(head, tail);

	return node == CDS_WFCQ_WOULDBLOCK ? NULL : node;
}

static struct batch *next_late(struct outflow *out)
{
	struct cds_wfcq_node *node = dequeue(&out->late_head, &out->late_tail);

	return node ? caa_container_of(node, struct batch, inbox_node) : NULL;
}

void outflow_clear(struct outflow *out)
{
	struct batch *late;

	while ((late = next_late(out)))
		batch_free(late);
	__cds_wfcq_init(&out->read_head, &out->read_tail);
	out->first = NULL;
	atomic_store_explicit(&out->role.asked, 0, memory_order_relaxed);
}

/* ---- what is put in ---- */

bool outflow_put(struct outflow *out, struct read_buffer *chain)
{
	bool has_role = role_ask(&out->role);

	/* With the role free nothing was left, so as a rule no queue is needed. */
	if (has_role && !out->first && cds_wfcq_empty(&out->read_head, &out->read_tail)) {
		out->first = chain;
		return true;
	}
	cds_wfcq_node_init(&chain->node);
	cds_wfcq_enqueue(&out->read_head, &out->read_tail, &chain->node);
	/* Asked for again, now that it can be seen. */
	return has_role || role_ask(&out->role);
}

bool outflow_put_late(struct outflow *out, struct batch *late)
{
	cds_wfcq_node_init(&late->inbox_node);
	cds_wfcq_enqueue(&out->late_head, &out->late_tail, &late->inbox_node);
	return role_ask(&out->role);
}

bool outflow_ask(struct outflow *out)
{
	return role_ask(&out->role);
}

bool outflow_give_up(struct outflow *out)
{
	/* Before the role is asked for, which is what makes it seen. */
	atomic_store(&out->is_given_up, true);
	return role_ask(&out->role);
}

/* ---- what waits ---- */

uint64_t outflow_waiting(const struct outflow *out)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < out->queues; i++)
		sum += counter_read(&out->intake[i].staged.len);
	return sum;
}

/* Packets that waited go: those of one dispatcher after those of the other, among whom there is no
 * order. False when memory is used up before.
 */
static bool send_waiting(struct dp_thread *self, struct outflow *out)
{
	struct waiting *waiting = self->waiting;
	uint8_t *packet = self->reads->packet;
	size_t len;

	waiting_expire(waiting, self, self->now_ns);
	for (unsigned i = 0; i < out->queues; i++) {
		struct staged_queue *q = &out->intake[i].staged;

		while (batch_pool_has_idle(&self->pool) && (len = waiting_take(waiting, q, packet)))
			memcpy(runs_place(self, &out->runs, len), packet, len);
		if (counter_read(&q->len))
			return false;
	}
	out->has_waiting = false;
	return true;
}

static void drop_waiting(struct dp_thread *self, struct outflow *out)
{
	for (unsigned i = 0; i < out->queues; i++)
		waiting_drop(self->waiting, self, &out->intake[i].staged);
	out->has_waiting = false;
}

/* Keeps what is left of what dispatcher @id read until a session and a path exist. */
static void keep_waiting(struct dp_thread *self, struct outflow *out, struct super_packet *cut,
                         unsigned id)
{
	struct dp_peer *peer = out->peer;

	if (!dp_peer_get(peer)) { /* removed this moment */
		dp_drop(self, DROP_NO_PEER, super_packet_left(cut));
		return;
	}
	while (super_packet_next_len(cut))
		waiting_add(self->waiting, self, &out->intake[id].staged, cut);
	out->has_waiting = true;
	dp_peer_want_session(peer); /* now that there is something to be asked for */
	dp_peer_put(peer);
}

/* ---- a turn ---- */

/* Frames of the lanes of data get their numbers. */
static void number_late(struct dp_thread *self, struct outflow *out)
{
	struct batch *b;

	while ((b = next_late(out)))
		runs_add_late(self, &out->runs, b);
}

/* False when memory is used up; the rest of it stays uncut. */
static bool send_cut(struct dp_thread *self, struct outflow *out, struct super_packet *cut)
{
	size_t len;

	while ((len = super_packet_next_len(cut))) {
		uint8_t *at = runs_place(self, &out->runs, len);

		if (!at)
			return false;
		super_packet_next(cut, at);
	}
	return true;
}

/* Of dispatcher @id. */
static bool send_or_keep(struct dp_thread *self, struct outflow *out, struct super_packet *cut,
                         unsigned id)
{
	if (runs_can_send(&out->runs))
		return send_cut(self, out, cut);
	keep_waiting(self, out, cut, id);
	return true;
}

/* The read in hand, or the next one. */
static struct read_buffer *next_read(struct outflow *out)
{
	struct cds_wfcq_node *node;

	if (!out->first && (node = dequeue(&out->read_head, &out->read_tail)))
		out->first = caa_container_of(node, struct read_buffer, node);
	return out->first;
}

static void done_with_read(struct dp_thread *self, struct outflow *out)
{
	struct read_buffer *read = out->first;

	out->first = read->next;
	read_buffer_put(read, self->reads);
}

static enum outflow_outcome send_all(struct dp_thread *self, struct outflow *out)
{
	struct read_buffer *read;

	if (out->has_waiting && runs_can_send(&out->runs) && !send_waiting(self, out))
		return OUTFLOW_NO_MEMORY;
	while ((read = next_read(out))) {
		if (!send_or_keep(self, out, &read->cut, read->home->id))
			return OUTFLOW_NO_MEMORY;
		done_with_read(self, out);
		if (out->runs.count >= RUNS_PER_TURN)
			return OUTFLOW_PASS_ON;
	}
	return OUTFLOW_DONE;
}

/* Runs are for those who have memory for them. */
static enum outflow_outcome leave_to_others(struct outflow *out)
{
	bool has_more =
		out->first || !cds_wfcq_empty(&out->read_head, &out->read_tail) || out->has_waiting;

	return has_more ? OUTFLOW_PASS_ON : OUTFLOW_DONE;
}

static enum outflow_outcome do_all(struct dp_thread *self, struct outflow *out)
{
	number_late(self, out);
	if (atomic_load_explicit(&out->is_given_up, memory_order_relaxed) &&
	    atomic_exchange(&out->is_given_up, false))
		drop_waiting(self, out);
	return !runs_begin(self, &out->runs) || self->reads ? send_all(self, out)
	                                                    : leave_to_others(out);
}

/* Ends the turn, though not the role. */
static enum outflow_outcome suspend(struct dp_thread *self, struct outflow *out,
                                    enum outflow_outcome outcome)
{
	runs_close(self, &out->runs);
	runs_work(self, &out->runs.done, true);
	return outcome;
}

enum outflow_outcome outflow_begin(struct dp_thread *self, struct outflow *out)
{
	enum outflow_outcome outcome;

	out->runs.count = 0;
	outcome = do_all(self, out);
	return outcome == OUTFLOW_DONE ? outcome : suspend(self, out, outcome);
}

bool outflow_send(struct dp_thread *self, struct outflow *out, struct super_packet *cut)
{
	return send_or_keep(self, out, cut, self->id);
}

void outflow_keep(struct outflow *out, struct read_buffer *read)
{
	assert(!out->first);
	out->first = read;
}

/* Nothing of the turn is touched once the role is given up. */
enum outflow_outcome outflow_end(struct dp_thread *self, struct outflow *out, bool more)
{
	struct run_list list = {0};
	enum outflow_outcome outcome;
	unsigned seen = 1; /* one at least was counted, or the role would be nobody's */

	if (out->first)
		return suspend(self, out, OUTFLOW_NO_MEMORY);
	for (;;) {
		runs_close(self, &out->runs);
		runs_take(&out->runs, &list);
		seen = role_leave(&out->role, seen);
		if (!seen)
			break;
		outcome = do_all(self, out);
		if (outcome != OUTFLOW_DONE) {
			runs_work(self, &list, true);
			return suspend(self, out, outcome);
		}
	}
	runs_work(self, &list, more);
	return OUTFLOW_DONE;
}

enum outflow_outcome outflow_run(struct dp_thread *self, struct outflow *out, bool more)
{
	enum outflow_outcome outcome = outflow_begin(self, out);

	return outcome == OUTFLOW_DONE ? outflow_end(self, out, more) : outcome;
}

void outflow_abandon(struct dp_thread *self, struct outflow *out)
{
	for (unsigned seen = 1; seen; seen = role_leave(&out->role, seen)) {
		struct read_buffer *read;

		while ((read = next_read(out))) {
			dp_drop(self, DROP_NO_PEER, super_packet_left(&read->cut));
			done_with_read(self, out);
		}
	}
}
