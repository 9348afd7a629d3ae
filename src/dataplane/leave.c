/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/leave.h"

#include "base/clock.h"
#include "dataplane/activity.h"
#include "dataplane/late.h"
#include "dataplane/link_tx.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer.h"

/* Sends a sealed batch on one path and counts it there. */
static void send_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	struct dp_path *path = &b->peer->path[path_id];
	struct path_target *target = rcu_dereference(path->target);
	const struct route *route = b->has_remote ? &b->route : target ? &target->route : NULL;
	/* What goes elsewhere is one frame. */
	struct train_limit *trains = b->has_remote || !target ? NULL : &target->trains;
	struct iovec segment[BATCH_MAX];
	struct link_sent sent;

	if (!route) {
		dp_drop(self, DROP_NO_PATH, b->len);
		return;
	}
	sent = link_send(self, route, trains, segment, batch_refer(b, segment));
	counter_add(&path->tx_packets, sent.packets);
	counter_add(&path->tx_bytes, sent.bytes);
	if (sent.packets < b->len)
		counter_add(&path->tx_errors, b->len - sent.packets);
	if (sent.error) {
		atomic_store_explicit(&path->refusal, dp_refusal(route->link->id, sent.error),
		                      memory_order_relaxed);
		mailbox_tell(b->peer, PEER_EVENT_SEND_ERROR);
	}
}

/* The last path that carries it sends it home. Acquire and release: all have done with it before.
 */
static void let_go(struct batch *b)
{
	bool is_alone = (b->path_mask & (b->path_mask - 1)) == 0;

	if (is_alone || atomic_fetch_sub_explicit(&b->paths_left, 1, memory_order_acq_rel) == 1)
		batch_free(b);
}

/* The clock is read here: under load a thread may emit for long without a turn of its own. */
void leave_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	uint64_t now_ns = clock_boot_ns();

	bool is_late = b->kind == BATCH_LATE;

	if (!is_late || late_seal(self, b, now_ns)) {
		send_on_path(self, b, path_id);
		dp_peer_sent(b->peer, !is_late, now_ns);
	}
	let_go(b);
}
