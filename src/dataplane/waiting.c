/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/waiting.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/peer.h"
#include "dataplane/work.h"

/* Packets that come one by one and wait in vain do not wake a worker one by one. */
#define EXPIRY_REST_NS NS_PER_S

static void set_expiry(struct waiting *w, struct dp_thread *self, uint64_t now_ns)
{
	uint64_t due_ns = staging_due_ns(&w->staging);

	if (due_ns < now_ns + EXPIRY_REST_NS)
		due_ns = now_ns + EXPIRY_REST_NS;
	work_set_alarm(self, NULL, &w->expiry, due_ns);
}

/* Under the lock. */
static void expire(struct waiting *w, struct dp_thread *self, uint64_t now_ns)
{
	unsigned gone = staging_expire(&w->staging, now_ns);

	if (gone)
		dp_drop(self, DROP_STAGED_EXPIRED, gone);
}

static void ring(struct alarm *alarm, void *self, uint64_t now_ns)
{
	struct waiting *w = caa_container_of(alarm, struct waiting, expiry);

	pthread_mutex_lock(&w->lock);
	expire(w, self, now_ns);
	set_expiry(w, self, now_ns);
	pthread_mutex_unlock(&w->lock);
}

/* It lies in the engine, which outlives its workers. */
static bool hold(struct alarm *alarm)
{
	(void)alarm;
	return true;
}

static void release(struct alarm *alarm)
{
	(void)alarm;
}

static const struct alarm_kind expiry_kind = {ring, hold, release};

static const struct staging_peers peers = {dp_peer_get, dp_peer_put};

int waiting_init(struct waiting *w, size_t bytes, size_t packet_bytes)
{
	*w = (struct waiting){.packet = malloc(packet_bytes)};
	pthread_mutex_init(&w->lock, NULL);
	alarm_init(&w->expiry, &expiry_kind);
	return w->packet ? staging_init(&w->staging, bytes, &peers) : -ENOMEM;
}

void waiting_clear(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	staging_clear(&w->staging);
	pthread_mutex_unlock(&w->lock);
}

void waiting_fini(struct waiting *w)
{
	if (!w->packet)
		return;
	if (w->staging.memory)
		staging_clear(&w->staging);
	staging_fini(&w->staging);
	pthread_mutex_destroy(&w->lock);
	free(w->packet);
	w->packet = NULL;
}

void waiting_add(struct waiting *w, struct dp_thread *self, struct staged_queue *q,
                 struct super_packet *cut)
{
	size_t len = super_packet_next_len(cut);
	unsigned gone;

	pthread_mutex_lock(&w->lock);
	expire(w, self, self->now_ns);
	expire(w, self, self->now_ns);
	super_packet_next(cut, w->packet);
	gone = staging_add(&w->staging, q, w->packet, len, self->now_ns);
	set_expiry(w, self, self->now_ns);
	pthread_mutex_unlock(&w->lock);
	if (gone)
		dp_drop(self, DROP_STAGED_FULL, gone);
}

size_t waiting_take(struct waiting *w, struct staged_queue *q, uint8_t *dst)
{
	size_t len = 0;

	pthread_mutex_lock(&w->lock);
	if (q->first) {
		len = staging_first_len(q);
		staging_copy_first(q, dst);
		staging_remove_first(&w->staging, q);
	}
	pthread_mutex_unlock(&w->lock);
	return len;
}

void waiting_expire(struct waiting *w, struct dp_thread *self, uint64_t now_ns)
{
	pthread_mutex_lock(&w->lock);
	expire(w, self, now_ns);
	pthread_mutex_unlock(&w->lock);
}

void waiting_drop(struct waiting *w, struct dp_thread *self, struct staged_queue *q)
{
	unsigned gone;

	pthread_mutex_lock(&w->lock);
	gone = staging_empty(&w->staging, q);
	pthread_mutex_unlock(&w->lock);
	if (gone)
		dp_drop(self, DROP_STAGED_EXPIRED, gone);
}
