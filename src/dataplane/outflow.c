/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/outflow.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/activity.h"
#include "dataplane/batch.h"
#include "dataplane/classify.h"
#include "dataplane/path_watch.h"
#include "dataplane/peer.h"
#include "dataplane/too_long.h"
#include "dataplane/work.h"

/* After so many the role goes to another, who may have more time for it. */
#define RUNS_PER_TURN 256u

/* Packets that come one by one and wait in vain do not wake a worker one by one. */
#define EXPIRY_REST_NS NS_PER_S

struct outflow *outflow_create(struct dp_peer *peer, unsigned queues, struct pumps *pumps,
                               const struct alarm_kind *expiry, const struct alarm_kind *pump)
{
	size_t bytes = sizeof(struct outflow) + queues * sizeof(struct intake);
	struct outflow *out = aligned_alloc(CACHE_LINE, align_up(bytes, CACHE_LINE));

	if (!out)
		return NULL;
	*out = (struct outflow){.peer = peer, .queues = queues, .pumps = pumps};
	runs_init(&out->runs, peer);
	backlog_init(&out->backlog, &out->runs.sender);
	alarm_init(&out->expiry, expiry);
	alarm_init(&out->pump, pump);
	for (unsigned i = 0; i < queues; i++)
		out->intake[i] = (struct intake){.outflow = out};
	__cds_wfcq_init(&out->read_head, &out->read_tail);
	__cds_wfcq_init(&out->late_head, &out->late_tail);
	return out;
}

void outflow_destroy(struct outflow *out)
{
	if (out)
		runs_fini(&out->runs);
	free(out);
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

/* The next that was put in, its holder's from now on, or NULL. */
static struct read_buffer *next_read(struct outflow *out)
{
	struct cds_wfcq_node *node;
	struct read_buffer *read;

	if (!out->first && (node = dequeue(&out->read_head, &out->read_tail)))
		out->first = caa_container_of(node, struct read_buffer, node);
	read = out->first;
	if (read)
		out->first = read->next;
	return read;
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

static void note_how_many_wait(struct outflow *out)
{
	atomic_store_explicit(&out->waiting, sender_waiting(&out->runs.sender),
	                      memory_order_relaxed);
}

/* Who sees it counted as dropped does not see it wait any more. */
static void drop_oldest(struct dp_thread *self, struct outflow *out, enum drop_reason reason)
{
	if (!backlog_drop(&out->backlog, self->reads))
		return;
	note_how_many_wait(out);
	dp_drop(self, reason, 1);
}

/* Drops what nobody should wait for any longer. Returns whether the rest could go. */
static enum sender_outcome look_after_waiting(struct dp_thread *self, struct outflow *out)
{
	struct sender *sender = &out->runs.sender;
	enum sender_outcome outcome;
	enum sender_excess excess;
	struct send_run run;

	outcome = sender_next_run(sender, &out->runs.facts, self->now_ns, &run);
	while ((excess = backlog_excess(&out->backlog, self->now_ns)) != SENDER_KEEPS)
		drop_oldest(self, out,
		            excess == SENDER_TOO_OLD ? DROP_STAGED_EXPIRED : DROP_STAGED_FULL);
	note_how_many_wait(out);
	return outcome;
}

/* Bulk has waited so long that who sends it has to be told. */
static void relieve(struct dp_thread *self, struct outflow *out)
{
	struct runs *runs = &out->runs;
	enum sender_congestion what;

	while ((what = sender_congested(&runs->sender, &runs->facts, self->now_ns)) == SENDER_DROPS)
		drop_oldest(self, out, DROP_CONGESTED);
	if (what == SENDER_MARKS)
		backlog_mark(&out->backlog);
}

static void drop_waiting(struct dp_thread *self, struct outflow *out)
{
	while (!backlog_is_empty(&out->backlog))
		drop_oldest(self, out, DROP_STAGED_EXPIRED);
}

/* Packets that waited go, as long as somebody takes them. False when memory is used up before. */
static bool send_waiting(struct dp_thread *self, struct outflow *out)
{
	enum runs_outcome outcome = RUNS_PLACED;
	struct send_ticket *ticket;
	uint8_t *at;

	while (outcome == RUNS_PLACED && !backlog_is_empty(&out->backlog)) {
		if (runs_hold_up(&out->runs) && runs_begins_anew(&out->runs))
			relieve(self, out);
		if (backlog_is_empty(&out->backlog))
			break;
		outcome = runs_pull(self, &out->runs, &ticket, &at);
		if (outcome == RUNS_PLACED && backlog_cut(&out->backlog, ticket, at, self->reads))
			counter_add(&self->marks[MARKS_MADE], 1);
	}
	return outcome != RUNS_NO_MEMORY;
}

/* What is left of @read waits until it can be sent. False when it could be, but for memory. */
static bool keep(struct dp_thread *self, struct outflow *out, struct read_buffer *read,
                 const struct send_class *class)
{
	enum sender_outcome outcome;

	if (!out->is_held && !dp_peer_get(out->peer)) { /* removed this moment */
		dp_drop(self, DROP_NO_PEER, super_packet_left(&read->cut));
		read_buffer_put(read, self->reads);
		return true;
	}
	out->is_held = true;
	backlog_add(&out->backlog, read, class, out, self->now_ns);
	outcome = look_after_waiting(self, out);
	if (outcome == SENDER_BLOCKED)
		dp_peer_want_session(out->peer); /* now that there is something to be asked for */
	return outcome != SENDER_RUN || send_waiting(self, out);
}

static void let_go_of_peer(struct outflow *out)
{
	alarm_unset(&out->expiry);
	out->is_held = false;
	dp_peer_put(out->peer);
}

/* At the end of a turn, in which something waited or does. */
static void note_what_waits(struct dp_thread *self, struct outflow *out)
{
	uint64_t due_ns = sender_alarm_ns(&out->runs.sender);

	note_how_many_wait(out);
	if (backlog_is_empty(&out->backlog)) {
		let_go_of_peer(out);
		return;
	}
	if (due_ns < self->now_ns + EXPIRY_REST_NS)
		due_ns = self->now_ns + EXPIRY_REST_NS;
	work_set_alarm(self, out->peer, &out->expiry, due_ns);
}

/* Nothing waits. Of a peer at rest the records of what was sent are to be given up in time. */
static void note_records(struct dp_thread *self, struct outflow *out)
{
	uint64_t due_ns = sender_alarm_ns(&out->runs.sender);

	if (due_ns != alarm_at_ns(&out->expiry))
		work_set_alarm(self, out->peer, &out->expiry, due_ns);
}

static void set_pump(struct dp_thread *self, struct outflow *out)
{
	uint64_t pump_ns = sender_pump_ns(&out->runs.sender);
	uint64_t tick_ns = path_watch_due_ns(&out->runs, self->now_ns);
	uint64_t at_ns = pump_ns < tick_ns ? pump_ns : tick_ns;

	if (at_ns != alarm_at_ns(&out->pump))
		pumps_set(out->pumps, self, &out->pump, at_ns);
}

static void end_waiting(struct dp_thread *self, struct outflow *out)
{
	if (out->is_held)
		note_what_waits(self, out);
	if (!out->is_held)
		note_records(self, out);
	set_pump(self, out);
}

/* ---- a turn ---- */

/* Frames of the lanes of data get their numbers. */
static void number_late(struct dp_thread *self, struct outflow *out)
{
	struct batch *b;

	while ((b = next_late(out)))
		runs_add_late(self, &out->runs, b);
}

/* What waits goes first. False: not all of it can be sent now. */
static bool send_cut(struct dp_thread *self, struct outflow *out, struct super_packet *cut,
                     const struct send_class *class)
{
	uint8_t *at;

	if (!runs_can_send(&out->runs))
		return false;
	too_long_tell(self, &out->runs, cut);
	if (backlog_goes_first(&out->backlog, class->is_urgent))
		return false;
	while (super_packet_next_len(cut)) {
		if (runs_place(self, &out->runs, cut, class, &at) != RUNS_PLACED)
			return false;
		super_packet_next(cut, at);
	}
	return true;
}

/* False: memory is used up. */
static bool send_or_keep(struct dp_thread *self, struct outflow *out, struct read_buffer *read)
{
	const struct send_class class = classify_read(self, &out->runs, &read->cut);

	if (!send_cut(self, out, &read->cut, &class))
		return keep(self, out, read, &class);
	read_buffer_put(read, self->reads);
	return true;
}

/* Between turns bulk may wait for a path, and the rest for memory only. */
static bool can_send_waiting(const struct outflow *out)
{
	return runs_can_send(&out->runs) && !backlog_is_empty(&out->backlog) &&
	       !out->runs.sender.is_held_up;
}

static enum outflow_outcome send_all(struct dp_thread *self, struct outflow *out)
{
	struct read_buffer *read;

	if (can_send_waiting(out) && !send_waiting(self, out))
		return OUTFLOW_NO_MEMORY;
	while ((read = next_read(out))) {
		if (!send_or_keep(self, out, read))
			return OUTFLOW_NO_MEMORY;
		if (out->runs.count >= RUNS_PER_TURN)
			return OUTFLOW_PASS_ON;
	}
	return OUTFLOW_DONE;
}

/* Runs are for those who have memory for them. */
static enum outflow_outcome leave_to_others(struct outflow *out)
{
	bool has_more = out->first || !cds_wfcq_empty(&out->read_head, &out->read_tail) ||
	                can_send_waiting(out) || runs_have_repairs(&out->runs);

	return has_more ? OUTFLOW_PASS_ON : OUTFLOW_DONE;
}

static enum outflow_outcome do_all(struct dp_thread *self, struct outflow *out)
{
	bool can_send;

	path_watch_hear(self, &out->runs);
	number_late(self, out);
	if (atomic_load_explicit(&out->is_given_up, memory_order_relaxed) &&
	    atomic_exchange(&out->is_given_up, false))
		drop_waiting(self, out);
	can_send = runs_begin(self, &out->runs);
	path_watch_tick(self, &out->runs);
	if (self->reads && !runs_send_repairs(self, &out->runs))
		return OUTFLOW_NO_MEMORY;
	if (!backlog_is_empty(&out->backlog))
		look_after_waiting(self, out);
	return !can_send || self->reads ? send_all(self, out) : leave_to_others(out);
}

static void close_turn(struct dp_thread *self, struct outflow *out)
{
	runs_close(self, &out->runs);
	end_waiting(self, out);
}

/* Ends the turn, though not the role. */
static enum outflow_outcome suspend(struct dp_thread *self, struct outflow *out,
                                    enum outflow_outcome outcome)
{
	close_turn(self, out);
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

bool outflow_send(struct dp_thread *self, struct outflow *out, struct read_buffer *read, size_t len)
{
	const struct send_class class = classify_read(self, &out->runs, &read->cut);

	return send_cut(self, out, &read->cut, &class) ||
	       keep(self, out, read_pool_keep(self->reads, read, len), &class);
}

/* Nothing of the turn is touched once the role is given up. */
enum outflow_outcome outflow_end(struct dp_thread *self, struct outflow *out, bool more)
{
	struct run_list list = {0};
	enum outflow_outcome outcome;
	unsigned seen = 1; /* one at least was counted, or the role would be nobody's */

	if (can_send_waiting(out))
		return suspend(self, out, OUTFLOW_NO_MEMORY);
	for (;;) {
		close_turn(self, out);
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

/* ---- the end ---- */

void outflow_abandon(struct dp_thread *self, struct outflow *out)
{
	assert(!out->is_held); /* or the peer would be there */
	for (unsigned seen = 1; seen; seen = role_leave(&out->role, seen)) {
		struct read_buffer *read;

		while ((read = next_read(out))) {
			dp_drop(self, DROP_NO_PEER, super_packet_left(&read->cut));
			read_buffer_put(read, self->reads);
		}
	}
}

static void clear(struct outflow *out)
{
	struct read_buffer *read;
	struct batch *late;

	while ((late = next_late(out)))
		batch_free(late);
	while ((read = next_read(out)))
		read_buffer_put(read, NULL);
	while (backlog_drop(&out->backlog, NULL))
		;
	kept_clear(&out->runs.kept);
	alarm_unset(&out->pump);
	if (out->is_held)
		let_go_of_peer(out);
}

void outflow_clear(struct outflow *out)
{
	for (unsigned seen = 1; seen; seen = role_leave(&out->role, seen))
		clear(out);
}
