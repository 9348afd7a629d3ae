/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/mailbox.h"

#include "dataplane/peer.h"

int mailbox_init(struct mailbox *box)
{
	*box = (struct mailbox){0};
	__cds_wfcq_init(&box->peer_head, &box->peer_tail);
	__cds_wfcq_init(&box->notice_head, &box->notice_tail);
	__cds_wfcq_init(&box->handshake_head, &box->handshake_tail);
	box->handshake_bell.fd = -1;
	int r = bell_init(&box->bell);
	return r ? r : bell_init(&box->handshake_bell);
}

void mailbox_fini(struct mailbox *box)
{
	struct dp_peer *peer;
	struct batch *b;
	unsigned events;

	if (box->bell.fd < 0)
		return;
	while ((peer = mailbox_take_event(box, &events)))
		dp_peer_put(peer);
	while ((b = mailbox_take_notice(box)) || (b = mailbox_take_handshake(box)))
		batch_free(b);
	bell_fini(&box->bell);
	bell_fini(&box->handshake_bell);
}

void mailbox_wake(struct mailbox *box)
{
	bell_ring(&box->bell);
}

void mailbox_begin(struct mailbox *box)
{
	bell_heard(&box->bell);
}

/* ---- events ---- */

static void post_peer(struct mailbox *box, struct dp_peer *peer)
{
	cds_wfcq_node_init(&peer->event_node);
	cds_wfcq_enqueue(&box->peer_head, &box->peer_tail, &peer->event_node);
	mailbox_wake(box);
}

void mailbox_tell(struct dp_peer *peer, unsigned events)
{
	/* Acquire and release pair with the exchange in mailbox_take_event(): what led to the event
	 * is seen by who handles it.
	 */
	if (atomic_fetch_or_explicit(&peer->events, events, memory_order_acq_rel) == 0 &&
	    dp_peer_get(peer))
		post_peer(peer->mailbox, peer);
}

struct dp_peer *mailbox_take_event(struct mailbox *box, unsigned *ret_events)
{
	struct cds_wfcq_node *node =
		__cds_wfcq_dequeue_nonblocking(&box->peer_head, &box->peer_tail);
	struct dp_peer *peer;

	/* Half pushed: the pusher's wake-up is still to come. */
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	peer = caa_container_of(node, struct dp_peer, event_node);
	*ret_events = atomic_exchange_explicit(&peer->events, 0, memory_order_acq_rel);
	return peer;
}

/* ---- notices and handshakes ---- */

/* Relaxed: only a bound, one more or less does not matter. */
static bool take_place(_Atomic unsigned *taken, unsigned max)
{
	if (atomic_fetch_add_explicit(taken, 1, memory_order_relaxed) < max)
		return true;
	atomic_fetch_sub_explicit(taken, 1, memory_order_relaxed);
	return false;
}

static void leave_place(_Atomic unsigned *taken)
{
	atomic_fetch_sub_explicit(taken, 1, memory_order_relaxed);
}

/* A notice has its place among all and one among its peer's: no peer takes more than its own. */
static bool take_places(struct mailbox *box, struct dp_peer *peer)
{
	if (!take_place(&peer->notices, NOTICES_PER_PEER))
		return false;
	if (take_place(&box->notices, NOTICES_MAX))
		return true;
	leave_place(&peer->notices);
	return false;
}

static void refuse(struct dp_thread *self, struct batch *b)
{
	dp_drop(self, DROP_CONTROL_BUSY, 1);
	batch_free(b);
}

static void enqueue(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail, struct batch *b,
                    struct bell *bell)
{
	cds_wfcq_node_init(&b->inbox_node);
	cds_wfcq_enqueue(head, tail, &b->inbox_node);
	bell_ring(bell);
}

void mailbox_post_notice(struct dp_thread *self, struct batch *b)
{
	struct mailbox *box = self->mailbox;

	if (take_places(box, b->peer))
		enqueue(&box->notice_head, &box->notice_tail, b, &box->bell);
	else
		refuse(self, b);
}

void mailbox_post_handshake(struct dp_thread *self, struct batch *b)
{
	struct mailbox *box = self->mailbox;

	if (take_place(&box->handshakes, HANDSHAKES_MAX))
		enqueue(&box->handshake_head, &box->handshake_tail, b, &box->handshake_bell);
	else
		refuse(self, b);
}

static struct batch *dequeue(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(head, tail);

	/* Half pushed: the pusher's wake-up is still to come. */
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	return caa_container_of(node, struct batch, inbox_node);
}

struct batch *mailbox_take_notice(struct mailbox *box)
{
	struct batch *b = dequeue(&box->notice_head, &box->notice_tail);

	if (!b)
		return NULL;
	leave_place(&box->notices);
	leave_place(&b->peer->notices);
	return b;
}

struct batch *mailbox_take_handshake(struct mailbox *box)
{
	struct batch *b = dequeue(&box->handshake_head, &box->handshake_tail);

	if (b)
		leave_place(&box->handshakes);
	return b;
}

void mailbox_begin_handshakes(struct mailbox *box)
{
	bell_heard(&box->handshake_bell);
}

void mailbox_wake_handshakes(struct mailbox *box)
{
	bell_ring(&box->handshake_bell);
}

/* ---- the TUN device ---- */

void mailbox_tun_failed(struct mailbox *box, int error)
{
	atomic_store(&box->tun_error, error);
	mailbox_wake(box);
}

int mailbox_tun_error(const struct mailbox *box)
{
	return atomic_load_explicit(&box->tun_error, memory_order_relaxed);
}

void mailbox_tun_read_failed(struct mailbox *box, int error)
{
	atomic_store_explicit(&box->tun_read_error, error, memory_order_relaxed);
}

int mailbox_take_tun_read_error(struct mailbox *box)
{
	return atomic_exchange_explicit(&box->tun_read_error, 0, memory_order_relaxed);
}

void mailbox_joined_refused(struct mailbox *box)
{
	atomic_store(&box->has_refused_joined, true);
}

bool mailbox_take_refused_joined(struct mailbox *box)
{
	bool is_told = box->is_refusal_told;

	box->is_refusal_told = atomic_load(&box->has_refused_joined);
	return box->is_refusal_told && !is_told;
}
