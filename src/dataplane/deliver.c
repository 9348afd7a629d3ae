/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/deliver.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "crypto/keypair.h"
#include "dataplane/activity.h"
#include "dataplane/allowedips.h"
#include "dataplane/coalesce.h"
#include "dataplane/feedback.h"
#include "dataplane/frames_in.h"
#include "dataplane/mailbox.h"
#include "dataplane/marks.h"
#include "dataplane/mss.h"
#include "dataplane/peer.h"
#include "dataplane/reorder.h"
#include "dataplane/report_out.h"
#include "dataplane/tun.h"

/* What one batch turned out to hold. */
struct delivery {
	struct batch *b;
	struct dp_peer *peer;
	struct reorder *reorder;   /* or NULL */
	struct feedback *feedback; /* or NULL */
	struct reorder_sink sink;
	unsigned path_id;   /* or PATH_NONE */
	unsigned authentic; /* datagrams new and authentic so far */
	uint64_t bytes;     /* of their UDP payload */
	uint64_t newest;    /* greatest counter among them */
	struct probe_in probe, whole;
	bool has_data;
};

/* Puts an IP packet on its way to the kernel if its source belongs to the peer. */
static void deliver_packet(struct dp_thread *self, struct dp_peer *peer, uint8_t *packet,
                           size_t len)
{
	const struct allowedips *table = rcu_dereference(self->tables->allowedips);
	size_t total = ip_packet_len(packet, len);
	unsigned mtu;

	if (!total) {
		dp_drop(self, DROP_INNER_MALFORMED, 1);
		return;
	}
	if (atomic_load_explicit(&peer->data_refused, memory_order_relaxed)) {
		dp_drop(self, DROP_BONDING_REQUIRED, 1);
		return;
	}
	if (!table || allowedips_lookup_src(table, packet) != peer) {
		dp_drop(self, DROP_ALLOWED_IPS, 1);
		return;
	}
	mtu = atomic_load_explicit(&peer->fits_all, memory_order_relaxed);
	if (mtu && mss_may_be_syn(packet, total))
		mss_clamp(packet, total, mtu, true);
	coalescer_add(self->coalescer, packet, total);
}

/* The kernel promised to take what it refuses now: from here on packets go one by one. */
static void give_up_joining(struct dp_thread *self)
{
	self->coalescer->offload = (struct coalesce_offload){0};
	mailbox_joined_refused(self->mailbox);
}

void write_to_tun(void *context, const struct iovec *iov, unsigned len)
{
	struct dp_thread *self = context;
	unsigned skipped = self->tun->has_header ? 0 : 1;

	while (writev(self->tun_fd, iov + skipped, (int)(len - skipped)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EINVAL && len > 2)
			give_up_joining(self);
		dp_drop(self, DROP_TUN_FULL, len - 1);
		return;
	}
}

static void flush_to_tun(struct dp_thread *self)
{
	coalescer_flush(self->coalescer);
}

/* Where the datagram in hand came from, which is counted already. */
static struct frames_origin origin_of(const struct delivery *d)
{
	struct frames_origin from = {
		.b = d->b, .path_id = d->path_id, .reorder = d->reorder, .feedback = d->feedback};
	const struct dp_path *path;

	if (d->path_id == PATH_NONE)
		return from;
	path = &d->peer->path[d->path_id];
	from.heard = counter_read(&path->rx_packets) - counter_read(&path->rx_whole) +
	             counter_read(&path->rx_copies) + d->authentic - 1;
	return from;
}

static void take_frames(struct dp_thread *self, struct delivery *d, const struct segment *seg,
                        uint64_t counter)
{
	struct frames_origin from = origin_of(d);

	from.came_ns = segment_came_ns(d->b, seg);
	from.whole = &d->whole;
	frames_in_take(self, &from, segment_payload(d->b, seg), seg->len, counter, &d->probe);
}

/* Every number of the ordered lane has its place in the order, also where there is no packet. */
static void put_in_order(const struct delivery *d, uint64_t counter, uint8_t *packet, size_t len)
{
	if (d->reorder && counter >> LANE_SHIFT == LANE_ORDERED)
		reorder_put(d->reorder, &d->sink, d->b->keypair, counter, d->path_id, packet, len,
		            d->b->time_ns);
	else if (len)
		deliver_packet(d->sink.self, d->peer, packet, len);
}

/* Copies count too, or they would look lost to who sent them. @len: of the inner packet. */
static void note_arrival(const struct delivery *d, const struct segment *seg, uint64_t counter,
                         size_t len)
{
	if (d->path_id != PATH_NONE && len && counter >> LANE_SHIFT <= LANE_UNORDERED)
		feedback_data_came(d->feedback, d->b->keypair, d->path_id, counter, (uint32_t)len,
		                   segment_came_ns(d->b, seg));
}

/* Looked at first: who sends reads it all the time, and a store would take it away from there. */
static void note_copied_ecn(struct dp_peer *peer)
{
	if (!atomic_load_explicit(&peer->copies_ecn, memory_order_relaxed))
		atomic_store_explicit(&peer->copies_ecn, true, memory_order_relaxed);
}

/* The datagram came with the field @outer, not Not-ECT. False: the packet in it is dropped. */
static bool take_mark(struct dp_thread *self, struct dp_peer *peer, uint8_t *payload, size_t len,
                      uint8_t outer)
{
	switch (marks_carry(payload, len, outer)) {
	case MARK_NO_PACKET:
		break;
	case MARK_NOTHING_NEW:
		note_copied_ecn(peer);
		break;
	case MARK_CARRIED:
		note_copied_ecn(peer);
		counter_add(&self->marks[MARKS_CARRIED], 1);
		break;
	case MARK_UNTOLD:
		dp_drop(self, DROP_ECN_NOT_ECT, 1);
		counter_add(&self->marks[MARKS_UNEXPECTED], 1);
		return false;
	case MARK_UNEXPECTED:
		counter_add(&self->marks[MARKS_UNEXPECTED], 1);
	}
	return true;
}

/* It came over its path as well as any other, or it would look lost. */
static void drop_copy(struct dp_thread *self, const struct delivery *d)
{
	if (d->path_id != PATH_NONE)
		counter_add(&d->peer->path[d->path_id].rx_copies, 1);
	dp_drop(self, DROP_REPLAY, 1);
}

/* It was not opened, so all that is known of the inner packet is its length with its padding, and
 * whoever has seen it on its way may have sent it: nothing but the counts of the path goes by it.
 */
static void refuse_copy(struct dp_thread *self, const struct delivery *d, const struct segment *seg,
                        uint64_t counter)
{
	if (d->feedback)
		note_arrival(d, seg, counter, seg->len);
	keypair_copy_came(d->b->keypair);
	drop_copy(self, d);
}

static void deliver_segment(struct dp_thread *self, struct delivery *d, unsigned i)
{
	const struct segment *seg = &d->b->segment[i];
	const struct message_transport *header = (void *)segment_header(d->b, seg);
	uint8_t *payload = segment_payload(d->b, seg);
	uint64_t counter = load_le64(header->counter);
	uint8_t outer = d->b->ecn[i];
	size_t len = seg->len;
	bool is_frames;

	if (d->b->copies >> i & 1) {
		refuse_copy(self, d, seg, counter);
		return;
	}
	if (d->feedback)
		note_arrival(d, seg, counter, ip_packet_len(payload, seg->len));
	if (!keypair_accept(d->b->keypair, counter)) {
		drop_copy(self, d);
		return;
	}
	d->authentic++;
	d->bytes += seg->len + TRANSPORT_OVERHEAD;
	if (counter > d->newest)
		d->newest = counter;
	is_frames = seg->len && payload[0] == FRAME_MAGIC &&
	            atomic_load_explicit(&d->peer->frames_allowed, memory_order_relaxed);
	if (is_frames)
		take_frames(self, d, seg, counter);
	else if (seg->len) /* a keepalive has none */
		d->has_data = true;
	if (is_frames || (outer && !take_mark(self, d->peer, payload, len, outer)))
		len = 0;
	put_in_order(d, counter, payload, len);
}

/* The first authentic packet under a keypair we made as responder proves that the initiator has it.
 */
static void confirm(struct dp_peer *peer, struct keypair *kp)
{
	if (kp->is_initiator || atomic_load_explicit(&kp->is_confirmed, memory_order_relaxed))
		return;
	atomic_store_explicit(&kp->is_confirmed, true, memory_order_release);
	mailbox_tell(peer, PEER_EVENT_CONFIRMED);
}

/* A stock peer is where its newest packet came from (whitepaper 6.5). */
static bool has_roamed(const struct delivery *d)
{
	uint8_t followed = atomic_load_explicit(&d->peer->followed_path, memory_order_relaxed);

	return followed != PATH_ANY && followed != d->path_id &&
	       d->newest + 1 == d->b->keypair->received[LANE_ORDERED].next;
}

/* The bookkeeping of a batch in which something was authentic. */
static void account(struct dp_thread *self, const struct delivery *d)
{
	const struct batch *b = d->b;
	bool is_fresh = keypair_is_fresh(b->keypair, b->time_ns);

	confirm(b->peer, b->keypair);
	if (d->path_id != PATH_NONE) {
		struct dp_path *path = &b->peer->path[d->path_id];

		counter_add(&path->rx_packets, d->authentic);
		counter_add(&path->rx_bytes, d->bytes);
		if (is_fresh)
			atomic_store_explicit(&path->heard_ns, b->time_ns, memory_order_relaxed);
	}
	if (!is_fresh)
		return;
	if (has_roamed(d)) {
		struct frames_origin from = origin_of(d);

		frames_in_pass_on(self, &from, NULL, 0, d->newest, 0);
	}
	dp_peer_heard(b->peer, d->has_data, b->time_ns);
}

static void deliver_segments(struct dp_thread *self, struct delivery *d)
{
	d->path_id = dp_peer_find_path(d->peer, &d->b->route);
	for (unsigned i = 0; i < d->b->len; i++)
		deliver_segment(self, d, i);
	if (d->probe.body)
		frames_in_answer(self, d->b, d->path_id, &d->probe);
	if (d->whole.body)
		frames_in_answer(self, d->b, d->path_id, &d->whole);
}

/* What waits, and what there is to report: when to look next. */
static uint64_t finish_delivery(struct dp_thread *self, struct delivery *d)
{
	uint64_t now_ns = d->b->time_ns, due_ns = NEVER_NS, report_ns = NEVER_NS;

	if (d->reorder) {
		reorder_expect_repairs(d->reorder, d->feedback ? &d->feedback->patience : NULL);
		due_ns = reorder_run(d->reorder, &d->sink, now_ns);
	} else {
		flush_to_tun(self);
	}
	if (d->feedback)
		report_ns = report_out_if_due(self, d->peer, d->feedback, d->reorder, now_ns);
	return due_ns < report_ns ? due_ns : report_ns;
}

uint64_t deliver_batch(struct dp_thread *self, struct batch *b)
{
	struct delivery d = {.b = b,
	                     .peer = b->peer,
	                     .reorder = rcu_dereference(b->peer->reorder),
	                     .feedback = feedback_of(b->peer),
	                     .sink = {self, b->peer, deliver_packet, flush_to_tun},
	                     .path_id = PATH_NONE};
	uint64_t due_ns;

	/* All of a peer goes through one queue: the kernel then hands its flows to one dispatcher.
	 */
	self->tun_fd = self->tun->fd[dp_peer_queue(b->peer)];
	if (b->kind == BATCH_OPEN)
		deliver_segments(self, &d);
	if (d.authentic)
		account(self, &d);
	due_ns = finish_delivery(self, &d);
	batch_free(b);
	return due_ns;
}
