/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/leave.h"

#include <errno.h>

#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/activity.h"
#include "dataplane/feedback.h"
#include "dataplane/late.h"
#include "dataplane/link_tx.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer.h"

static void tell_error(struct dp_peer *peer, struct dp_path *path, const struct link *link,
                       int error)
{
	atomic_store_explicit(&path->refusal, dp_refusal(link->id, error), memory_order_relaxed);
	mailbox_tell(peer, PEER_EVENT_SEND_ERROR);
}

/* A probe of the path's MTU: that it is too long is what was to be found out. */
static void send_whole(struct dp_thread *self, struct batch *b, struct dp_path *path,
                       const struct route *route)
{
	const struct segment *seg = &b->segment[0];
	const struct iovec datagram = {segment_header(b, seg), seg->len};
	int r = link_send_whole(route->link, route, &datagram);

	if (!r) {
		counter_add(&path->tx_packets, 1);
		counter_add(&path->tx_bytes, seg->len);
		counter_add(&path->tx_whole, 1);
	} else if (r == -EMSGSIZE) {
		atomic_store_explicit(&path->too_long, 1u + b->probe_seq, memory_order_relaxed);
		mailbox_tell(b->peer, PEER_EVENT_SIGNS);
	} else if (r == -EAGAIN || r == -ENOBUFS) {
		dp_drop(self, DROP_SEND_BUFFER, 1);
	} else {
		dp_drop(self, DROP_SEND_ERROR, 1);
		tell_error(b->peer, path, route->link, -r);
	}
}

/* Sends a sealed batch on one path and counts it there. */
static void send_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	struct dp_path *path = &b->peer->path[path_id];
	struct path_target *target = rcu_dereference(path->target);
	const struct route *route = b->has_remote ? &b->route : target ? &target->route : NULL;
	/* What goes elsewhere is one frame. */
	struct train_limit *trains = b->has_remote || !target ? NULL : &target->trains;
	struct iovec at[BATCH_MAX];
	struct link_datagrams datagrams = {.at = at, .ecn = b->ecn};
	struct link_sent sent;

	if (!route) {
		dp_drop(self, DROP_NO_PATH, b->len);
		return;
	}
	if (b->kind == BATCH_LATE && b->is_whole) {
		send_whole(self, b, path, route);
		return;
	}
	datagrams.count = batch_refer(b, at);
	sent = link_send(self, route, trains, &datagrams);
	counter_add(&path->tx_packets, sent.packets);
	counter_add(&path->tx_bytes, sent.bytes);
	if (sent.packets < b->len)
		counter_add(&path->tx_errors, b->len - sent.packets);
	if (sent.error)
		tell_error(b->peer, path, route->link, sent.error);
}

static void note_departure(const struct batch *b, unsigned path_id, uint64_t now_ns)
{
	struct feedback *fb = feedback_of(b->peer);

	if (fb)
		feedback_run_left(fb, path_id, b->first_counter, b->keypair->remote_index, now_ns);
}

/* The clock is read here: under load a thread may emit for long without a turn of its own. */
void leave_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	uint64_t now_ns = clock_boot_ns();

	bool is_late = b->kind == BATCH_LATE;

	if (b->kind == BATCH_SEAL)
		note_departure(b, path_id, now_ns);
	if (!is_late || late_seal(self, b, now_ns)) {
		send_on_path(self, b, path_id);
		dp_peer_sent(b->peer, !is_late, now_ns);
	}
	batch_leave(b);
}
