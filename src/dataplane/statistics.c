/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/statistics.h"

#include "dataplane/engine_private.h"
#include "dataplane/feedback.h"
#include "dataplane/outflow.h"
#include "dataplane/peer.h"

/* Calls @visit for what every thread carries along. */
static void for_each_self(const struct engine *engine,
                          void (*visit)(const struct dp_thread *self, void *arg), void *arg)
{
	visit(&engine->control, arg);
	visit(&engine->handshakes, arg);
	for (unsigned i = 0; i < engine->set.tun.queues; i++)
		visit(&engine->dispatcher[i].self, arg);
	for (unsigned i = 0; i < engine->set.workers; i++)
		visit(&engine->work.worker[i].self, arg);
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++)
		visit(&engine->link[i].rx, arg);
}

struct drop_sum {
	enum drop_reason reason;
	uint64_t packets;
};

static void add_drops(const struct dp_thread *self, void *arg)
{
	struct drop_sum *sum = arg;

	sum->packets += counter_read(&self->drops[sum->reason]);
}

uint64_t engine_drops(const struct engine *engine, enum drop_reason reason)
{
	struct drop_sum sum = {.reason = reason};

	for_each_self(engine, add_drops, &sum);
	return sum.packets;
}

struct mark_sum {
	enum mark_count what;
	uint64_t packets;
};

static void add_marks(const struct dp_thread *self, void *arg)
{
	struct mark_sum *sum = arg;

	sum->packets += counter_read(&self->marks[sum->what]);
}

uint64_t engine_marks(const struct engine *engine, enum mark_count what)
{
	struct mark_sum sum = {.what = what};

	for_each_self(engine, add_marks, &sum);
	return sum.packets;
}

void engine_count_drop(struct engine *engine, enum drop_reason reason)
{
	dp_drop(&engine->control, reason, 1);
}

static void add_memory(const struct dp_thread *self, void *arg)
{
	struct engine_memory *sum = arg;

	const struct batch_pool *pool = &self->pool;

	sum->batches += pool->count;
	sum->bytes +=
		(size_t)pool->count * pool->bytes + (size_t)pool->chunks.count * pool->chunks.bytes;
}

struct engine_memory engine_memory(const struct engine *engine)
{
	struct engine_memory sum = {0};

	for_each_self(engine, add_memory, &sum);
	return sum;
}

bool engine_belief(const struct dp_peer *peer, unsigned path_id, struct path_belief *ret)
{
	const struct feedback *fb = feedback_of(peer);

	return fb && beliefs_get(&fb->beliefs, path_id, ret);
}

bool engine_account(const struct dp_peer *peer, unsigned path_id, struct account_counts *ret)
{
	const struct feedback *fb = feedback_of(peer);

	if (fb)
		account_read(&fb->account, path_id, ret);
	return fb;
}

uint64_t engine_staged(const struct dp_peer *peer)
{
	return outflow_waiting(peer->outflow);
}
