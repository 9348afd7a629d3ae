/* SPDX-License-Identifier: MIT */
/* worker.c - crypto workers, and the choice between handing work over and doing it in place. */
#include "dataplane/engine_private.h"

void engine_run(struct dp_thread *self, struct batch *b)
{
	switch (b->kind) {
	case BATCH_SEAL:
		seal_batch(self, b);
		sequencer_finish(&b->peer->path[b->path_id].leaving, self, b, emit_on_path);
		break;
	case BATCH_OPEN:
		open_batch(self, b);
		sequencer_finish(&b->peer->arriving, self, b, deliver_batch);
		break;
	case BATCH_LATE:
		sequencer_finish(&b->peer->path[b->path_id].leaving, self, b, emit_on_path);
		break;
	case BATCH_FLUSH:
		sequencer_finish(&b->peer->arriving, self, b, deliver_batch);
		break;
	case BATCH_REPORT:
		assert(!"not for workers");
	}
}

/* A peer's batches stay on one worker while it keeps up, for the sake of its caches; a worker that
 * sleeps is preferred to one that has work waiting.
 */
static struct worker *choose_worker(struct engine *engine, const struct batch *b)
{
	unsigned count = engine->set.workers;
	unsigned home =
		(unsigned)(((uintptr_t)b->peer / sizeof *b->peer + (b->kind == BATCH_OPEN)) %
	                   count);
	struct worker *w = &engine->worker[home];

	for (unsigned i = 0; i < count && !inbox_is_asleep(&w->inbox); i++) {
		struct worker *other = &engine->worker[(home + i) % count];

		if (inbox_is_asleep(&other->inbox))
			return other;
	}
	return w;
}

void engine_submit(struct dp_thread *self, struct batch *b, bool more)
{
	struct worker *w = choose_worker(self->engine, b);

	bool hand_over = more && self->engine->set.hand_over;

	if (!hand_over && inbox_is_asleep(&w->inbox))
		engine_run(self, b);
	else
		inbox_push(&w->inbox, b);
}

void worker_main(void *arg)
{
	struct worker *w = arg;

	while (inbox_wait(&w->inbox)) {
		struct batch *b;

		while ((b = inbox_take(&w->inbox))) {
			engine_run(&w->self, b);
			rcu_quiescent_state();
		}
	}
}
