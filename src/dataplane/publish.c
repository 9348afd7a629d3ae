/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/publish.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/keypair.h"
#include "dataplane/allowedips.h"
#include "dataplane/engine_private.h"
#include "dataplane/feedback.h"
#include "dataplane/kick.h"
#include "dataplane/outflow.h"
#include "dataplane/overdue.h"
#include "dataplane/peer.h"
#include "dataplane/reorder.h"
#include "sched/traffic_rules.h"

static void free_parts(struct dp_peer *peer)
{
	feedback_destroy(peer->feedback);
	outflow_destroy(peer->outflow);
}

struct dp_peer *engine_create_peer(struct engine *engine, void *control)
{
	struct dp_peer *peer =
		dp_peer_create(&(struct dp_peer_settings){.engine = engine,
	                                                  .mailbox = &engine->mailbox,
	                                                  .queues = engine->set.tun.queues,
	                                                  .overdue = &overdue_kind,
	                                                  .free_parts = free_parts,
	                                                  .control = control});

	if (!peer)
		return NULL;
	peer->outflow =
		outflow_create(peer, peer->queues, &engine->dispatcher[dp_peer_queue(peer)].pumps,
	                       &expiry_kind, &pump_kind);
	if (peer->outflow)
		return peer;
	dp_peer_put(peer);
	return NULL;
}

void engine_publish_allowedips(struct engine *engine, struct allowedips *table)
{
	allowedips_retire(rcu_xchg_pointer(&engine->tables.allowedips, table));
}

void engine_publish_rules(struct engine *engine, struct traffic_rules *rules)
{
	traffic_rules_retire(rcu_xchg_pointer(&engine->tables.rules, rules));
}

void engine_publish_keypair(struct dp_peer *peer, struct keypair *kp)
{
	keypair_put(rcu_xchg_pointer(&peer->current, kp));
}

void engine_publish_paths(struct dp_peer *peer, struct path_table *table)
{
	atomic_store_explicit(&peer->fits_all, table ? table->fits_all : 0, memory_order_relaxed);
	path_table_retire(rcu_xchg_pointer(&peer->path_table, table));
}

static void free_target(struct rcu_head *head)
{
	free(caa_container_of(head, struct path_target, rcu));
}

static struct path_target *make_target(struct engine *engine, const struct route *route)
{
	struct path_target *target = malloc(sizeof *target);

	if (!target || loop_guard_add(&engine->loop_guard, &route->remote)) {
		free(target);
		return NULL;
	}
	target->route = *route;
	train_limit_set(&target->trains, TRAIN_ANY);
	return target;
}

static bool is_same_link(const struct path_target *a, const struct path_target *b)
{
	return a && b && a->route.link == b->route.link;
}

int engine_publish_target(struct dp_peer *peer, unsigned path_id, const struct route *route)
{
	struct path_target *target = NULL, *old;

	if (route) {
		target = make_target(peer->engine, route);
		if (!target)
			return -ENOMEM;
	}
	old = rcu_xchg_pointer(&peer->path[path_id].target, target);
	if (peer->feedback && !is_same_link(old, target))
		feedback_path_moved(peer->feedback, path_id);
	if (!old)
		return 0;
	loop_guard_remove(&peer->engine->loop_guard, &old->route.remote);
	call_rcu(&old->rcu, free_target);
	return 0;
}

void engine_doubt_path(struct dp_peer *peer, unsigned path_id, uint64_t at_ns)
{
	if (peer->feedback)
		feedback_path_doubted(peer->feedback, path_id, at_ns);
}

int engine_exchange_reports(struct dp_peer *peer, bool is_wanted)
{
	struct feedback *feedback = peer->feedback;

	if (!feedback && !is_wanted)
		return 0;
	if (!feedback) {
		feedback = feedback_create();
		if (!feedback)
			return -ENOMEM;
		rcu_assign_pointer(peer->feedback, feedback);
	}
	atomic_store_explicit(&feedback->is_wanted, is_wanted, memory_order_relaxed);
	return 0;
}

int engine_enable_reorder(struct dp_peer *peer)
{
	struct reorder *reorder;

	if (peer->reorder)
		return 0;
	reorder = reorder_create(peer->engine->slot_bytes);
	if (!reorder)
		return -ENOMEM;
	rcu_assign_pointer(peer->reorder, reorder);
	return 0;
}
