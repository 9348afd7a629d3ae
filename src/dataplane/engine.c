/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/engine.h"

#include "dataplane/coalesce.h"
#include "dataplane/deliver.h"
#include "dataplane/engine_private.h"
#include "dataplane/kick.h"
#include "dataplane/late.h"
#include "dataplane/link_rx.h"
#include "dataplane/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* Batches per pool: what a thread may have in flight. Descriptors and bytes are touched only as far
 * as used, and the last one given back is taken first. An RX thread keeps up to BATCH_MAX ready to
 * receive into. Workers need theirs for answers and for the notices that wait for control, control
 * its own for the frames that workers have not yet sent: probes are spread over their interval, so
 * that these are few; who reads the handshake sockets for the data behind a message in a train. Not
 * tuned yet.
 */
#define POOL_DISPATCHER 512u
#define POOL_RX         (128u + BATCH_MAX)
#define POOL_WORKER     (NOTICES_MAX + 32u)
#define POOL_CONTROL    256u
#define POOL_HANDSHAKES 64u

/* A dispatcher's packets lie in chunks: each holds a round, so that few batches end with one. */
#define CHUNK_BYTES 131072u
#define CHUNKS      128u

/* What may have to be sent again lies in memory of its own: 0.4 s of 1.3 Gbit/s. */
#define POOL_LASTING   8192u
#define CHUNKS_LASTING 512u

/* An inner packet of a peer with a greater MTU than ours is still received up to this. */
#define INNER_BYTES_MIN 1504u
_Static_assert(INNER_BYTES_MIN >= FRAMES_LEN_MAX, "a notice fits a slot");

/* What waits on either side: dp_peer.overdue, outflow.expiry. */
#define ALARMS_PER_PEER 2u

/* Workers that one dispatcher can feed: it takes a third of the time that sealing takes. */
#define WORKERS_PER_QUEUE 2u

unsigned engine_auto_workers(void)
{
	unsigned cpus = thread_cpu_count();

	if (cpus <= 3)
		return 1;
	return cpus - 2 < WORKERS_MAX ? cpus - 2 : WORKERS_MAX;
}

unsigned engine_queues_for(unsigned workers)
{
	unsigned queues = (workers + WORKERS_PER_QUEUE - 1) / WORKERS_PER_QUEUE;

	return queues < TUN_QUEUES_MAX ? queues : TUN_QUEUES_MAX;
}

/* What every thread has that may be handed a batch. @batch_bytes 0: its packets lie in chunks. */
static int init_self(struct engine *engine, struct dp_thread *self, unsigned id, unsigned batches,
                     uint32_t batch_bytes)
{
	*self = (struct dp_thread){.mailbox = &engine->mailbox,
	                           .work = &engine->work,
	                           .tables = &engine->tables,
	                           .tun = &engine->set.tun,
	                           .mtu = engine->set.mtu,
	                           .id = id};
	self->cipher = cipher_create(engine->set.cipher);
	self->coalescer = malloc(sizeof *self->coalescer);
	if (!self->cipher || !self->coalescer)
		return -ENOMEM;
	coalescer_init(self->coalescer, &engine->set.tun.takes, write_to_tun, self);
	if (!batch_bytes)
		return batch_pool_init_chunks(&self->pool, batches, CHUNKS, CHUNK_BYTES,
		                              engine->slot_bytes);
	return batch_pool_init(&self->pool, batches, batch_bytes, engine->slot_bytes);
}

/* Also after an init that failed or never was. */
static void fini_self(struct dp_thread *self)
{
	cipher_destroy(self->cipher);
	free(self->coalescer);
	self->cipher = NULL;
	self->coalescer = NULL;
	batch_pool_fini(&self->pool);
	batch_pool_fini(&self->lasting);
}

static uint32_t slot_bytes(uint32_t mtu)
{
	uint32_t inner = mtu > INNER_BYTES_MIN ? mtu : INNER_BYTES_MIN;
	uint32_t bytes = inner + PADDING_MULTIPLE + TRANSPORT_OVERHEAD;

	return bytes < TRAIN_BYTES ? bytes : TRAIN_BYTES;
}

static void *alloc_zeroed(size_t bytes)
{
	void *at = aligned_alloc(CACHE_LINE, bytes);

	return at ? memset(at, 0, bytes) : NULL;
}

static int init_workers(struct engine *engine)
{
	engine->work.worker = alloc_zeroed(engine->set.workers * sizeof *engine->work.worker);
	if (!engine->work.worker)
		return -ENOMEM;
	engine->work.count = engine->set.workers;
	engine->work.hand_over = engine->set.hand_over;
	engine->work.kick = kick_idle_outflow;
	for (unsigned i = 0; i < engine->set.workers; i++) {
		struct worker *w = &engine->work.worker[i];

		inbox_init(&w->inbox, engine->set.busy_poll_us);
		if (init_self(engine, &w->self, i, POOL_WORKER, engine->slot_bytes) ||
		    alarms_init(&w->alarms, PEERS_MAX * ALARMS_PER_PEER, &w->self))
			return -ENOMEM;
	}
	return 0;
}

static int init_dispatcher(struct engine *engine, unsigned id)
{
	struct dispatcher *d = &engine->dispatcher[id];
	int r;

	d->quiet = id == 0 ? &engine->quiet : NULL;
	d->loop_guard = &engine->loop_guard;
	d->slot_bytes = engine->slot_bytes;
	d->busy_poll_us = engine->set.busy_poll_us;
	r = dispatcher_init(d, id);
	if (r)
		return r;
	if (d->quiet)
		d->quiet->wake_fd = d->kick_fd;
	r = init_self(engine, &d->self, id, POOL_DISPATCHER, 0);
	d->self.reads = &d->reads;
	if (!r)
		r = batch_pool_init_chunks(&d->self.lasting, POOL_LASTING, CHUNKS_LASTING,
		                           CHUNK_BYTES, engine->slot_bytes);
	return r;
}

static int init_dispatchers(struct engine *engine)
{
	unsigned queues = engine->set.tun.queues;
	int r = 0;

	engine->dispatcher = alloc_zeroed(queues * sizeof *engine->dispatcher);
	if (!engine->dispatcher)
		return -ENOMEM;
	for (unsigned i = 0; i < queues; i++) {
		struct dispatcher *d = &engine->dispatcher[i];

		__cds_wfcq_init(&d->kick_head, &d->kick_tail);
		d->kick_fd = -1;
	}
	for (unsigned i = 0; i < queues && !r; i++)
		r = init_dispatcher(engine, i);
	return r;
}

int engine_create(const struct engine_settings *set, struct engine **ret)
{
	struct engine *engine = aligned_alloc(CACHE_LINE, sizeof *engine);
	int r;

	if (!engine)
		return -ENOMEM;
	*engine = (struct engine){.set = *set, .slot_bytes = slot_bytes(set->mtu)};
	engine->mailbox.bell.fd = -1;
	engine->quiet.link = engine->link;
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++) {
		engine->link[i].quiet = &engine->quiet;
		engine->link[i].busy_poll_us = set->busy_poll_us;
		engine->link[i].id = i;
	}
	r = mailbox_init(&engine->mailbox);
	if (!r)
		r = init_dispatchers(engine);
	if (!r)
		r = init_workers(engine);
	if (!r)
		r = init_self(engine, &engine->control, 0, POOL_CONTROL, engine->slot_bytes);
	if (!r)
		r = init_self(engine, &engine->handshakes, 0, POOL_HANDSHAKES, engine->slot_bytes);
	if (!r && !(engine->tables.index = index_create(PEERS_MAX)))
		r = -ENOMEM;
	if (!r)
		r = loop_guard_init(&engine->loop_guard);
	if (r) {
		engine_destroy(engine);
		return r;
	}
	*ret = engine;
	return 0;
}

int engine_start(struct engine *engine)
{
	const struct engine_settings *set = &engine->set;
	char name[24];
	int r = 0;

	for (unsigned i = 0; i < set->workers && !r; i++) {
		snprintf(name, sizeof name, "vt-crypto-%u", i);
		r = thread_start(&engine->work.worker[i].thread, name, THREAD_WORKER,
		                 set->worker_cpu[i], worker_main, &engine->work.worker[i]);
	}
	atomic_store_explicit(&engine->quiet.are_taken, set->busy_poll_us == 0,
	                      memory_order_relaxed);
	for (unsigned i = 0; i < set->tun.queues && !r; i++) {
		snprintf(name, sizeof name, "vt-tun-%u", i);
		r = thread_start(&engine->dispatcher[i].thread, name, THREAD_TUN, set->tun_cpu[i],
		                 dispatcher_main, &engine->dispatcher[i]);
	}
	return r;
}

static void fini_link(struct link *link)
{
	link_rx_fini(link);
	fini_self(&link->rx);
}

/* Batches of a link that was stopped may be on their way still, so what its thread had is kept for
 * the next link in its place.
 */
int engine_link_start(struct engine *engine, struct link *link, int cpu)
{
	bool is_first = !link->rx.cipher;
	char name[16];
	int r = is_first ? init_self(engine, &link->rx, link->id, POOL_RX, TRAIN_BYTES) : 0;

	atomic_store_explicit(&link->is_stopping, false, memory_order_relaxed);
	loop_guard_add_port(&engine->loop_guard, endpoint_port(&link->bound));
	if (!r)
		r = link_rx_init(link);
	if (!r) {
		snprintf(name, sizeof name, "vt-rx-%.9s", link->name);
		r = thread_start(&link->thread, name, THREAD_RX, cpu, link_rx_main, link);
	}
	if (r && is_first)
		fini_link(link);
	else if (r)
		link_rx_fini(link);
	return r;
}

/* Nobody receives from it afterwards. Offline. */
static void stop_receiving(struct link *link)
{
	atomic_store_explicit(&link->is_stopping, true, memory_order_relaxed);
	eventfd_write(link->wake_fd, 1);
	thread_join(&link->thread);
	quiet_links_await_return(link);
	link_rx_fini(link);
}

void engine_link_stop(struct engine *engine, struct link *link)
{
	(void)engine;
	if (!link->is_open)
		return;
	rcu_thread_offline();
	stop_receiving(link);
	synchronize_rcu(); /* who sends on it still has done so */
	rcu_thread_online();
	link_park(link);
}

/* The calling thread goes offline while it joins: the others may wait for a grace period. */
void engine_stop(struct engine *engine)
{
	rcu_thread_offline();
	for (unsigned i = 0; i < engine->set.tun.queues; i++) {
		struct dispatcher *d = &engine->dispatcher[i];

		atomic_store_explicit(&d->is_stopping, true, memory_order_release);
		eventfd_write(d->kick_fd, 1);
		thread_join(&d->thread);
	}
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++) {
		if (engine->link[i].is_open)
			stop_receiving(&engine->link[i]);
	}
	for (unsigned i = 0; i < engine->set.workers; i++)
		inbox_stop(&engine->work.worker[i].inbox);
	for (unsigned i = 0; i < engine->set.workers; i++)
		thread_join(&engine->work.worker[i].thread);
	rcu_thread_online();
	work_finish(&engine->work, &engine->control);
	for (unsigned i = 0; i < engine->set.tun.queues; i++)
		dispatcher_discard(&engine->dispatcher[i]); /* what waits holds its peer */
	for (unsigned i = 0; i < engine->set.workers; i++)
		alarms_clear(&engine->work.worker[i].alarms);
}

static void fini_dispatcher(struct dispatcher *d)
{
	fini_self(&d->self);
	dispatcher_fini(d);
}

void engine_destroy(struct engine *engine)
{
	unsigned queues, workers;

	if (!engine)
		return;
	queues = engine->dispatcher ? engine->set.tun.queues : 0;
	workers = engine->work.count;
	mailbox_fini(&engine->mailbox);
	for (unsigned i = 0; i < queues; i++)
		dispatcher_discard(&engine->dispatcher[i]);
	for (unsigned i = 0; i < workers; i++)
		alarms_fini(&engine->work.worker[i].alarms);
	engine_publish_allowedips(engine, NULL);
	index_destroy(engine->tables.index);
	loop_guard_fini(&engine->loop_guard);
	rcu_barrier();
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++) {
		link_close(&engine->link[i]);
		fini_link(&engine->link[i]);
	}
	for (unsigned i = 0; i < workers; i++)
		fini_self(&engine->work.worker[i].self);
	fini_self(&engine->control);
	fini_self(&engine->handshakes);
	for (unsigned i = 0; i < queues; i++)
		fini_dispatcher(&engine->dispatcher[i]);
	free(engine->work.worker);
	free(engine->dispatcher);
	free(engine);
}

struct link *engine_link(struct engine *engine, unsigned id)
{
	return &engine->link[id];
}

struct index_table *engine_index(struct engine *engine)
{
	return engine->tables.index;
}

const struct engine_settings *engine_settings(const struct engine *engine)
{
	return &engine->set;
}

/* ---- what control sends ---- */

void engine_kick(struct dp_peer *peer)
{
	kick_idle_outflow(&peer->engine->control, peer);
}

void engine_drop_staged(struct dp_peer *peer)
{
	if (outflow_give_up(peer->outflow))
		kick_outflow(&peer->engine->control, peer, clock_boot_ns());
}

bool engine_send_late(struct engine *engine, struct dp_peer *peer, struct keypair *kp,
                      unsigned path_id, unsigned lane, const void *payload, size_t len,
                      const struct route *remote)
{
	struct batch *b =
		late_make(&engine->control, peer, kp, path_id, lane, payload, len, remote, 0);

	if (!b)
		return false;
	if (late_is_numbered_at_last(lane))
		work_submit(&engine->control, b, true);
	else if (outflow_put_late(peer->outflow, b))
		kick_outflow(&engine->control, peer, clock_boot_ns());
	return true;
}

bool engine_await_memory(struct engine *engine, unsigned timeout_ms)
{
	return batch_pool_await(&engine->control.pool, timeout_ms);
}

bool engine_await_sent(struct engine *engine, unsigned timeout_ms)
{
	return batch_pool_await_all(&engine->control.pool, timeout_ms);
}

/* ---- what control is told ---- */

int engine_event_fd(const struct engine *engine)
{
	return engine->mailbox.bell.fd;
}

void engine_wake_control(struct engine *engine)
{
	mailbox_wake(&engine->mailbox);
}

void engine_events_begin(struct engine *engine)
{
	mailbox_begin(&engine->mailbox);
}

int engine_tun_error(const struct engine *engine)
{
	return mailbox_tun_error(&engine->mailbox);
}

int engine_take_tun_read_error(struct engine *engine)
{
	return mailbox_take_tun_read_error(&engine->mailbox);
}

bool engine_take_refused_joined(struct engine *engine)
{
	return mailbox_take_refused_joined(&engine->mailbox);
}

struct dp_peer *engine_take_event(struct engine *engine, unsigned *ret_events)
{
	return mailbox_take_event(&engine->mailbox, ret_events);
}

struct batch *engine_take_notice(struct engine *engine)
{
	return mailbox_take_notice(&engine->mailbox);
}
