/* SPDX-License-Identifier: MIT */
/* deliver.c - from authentic payloads to the TUN device, in order of arrival.
 *
 * Runs in the emitting role of the peer's `arriving` sequencer: one thread at a time per peer, so the
 * replay windows and the path's receive counts need no lock.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "dataplane/activity.h"
#include "dataplane/coalesce.h"
#include "dataplane/engine_private.h"
#include "dataplane/late.h"
#include "dataplane/mailbox.h"
#include "dataplane/reorder.h"

/* A round trip beyond is none: the peer's clock is coarse, and its hold time was the longer of the two. */
#define RTT_US_MAX (60u * 1000 * 1000)

/* Answers to probes: twice what PATHS_MAX paths of a busy peer ask for, and at once what they ask for in a
 * second, as after a pause of this process.
 */
#define ECHO_NS      (NS_PER_S / 320)
#define ECHOES_BURST 160u

/* What one batch turned out to hold. */
struct delivery {
	struct batch *b;
	struct dp_peer *peer;
	struct reorder *reorder; /* or NULL */
	struct reorder_sink sink;
	unsigned path_id;   /* or PATH_NONE */
	unsigned authentic; /* datagrams new and authentic so far */
	uint64_t bytes;     /* of their UDP payload */
	uint64_t newest;    /* greatest counter among them */
	bool has_data;
};

/* Puts an IP packet on its way to the kernel if its source belongs to the peer. */
static void deliver_packet(struct dp_thread *self, struct dp_peer *peer, uint8_t *packet,
                           size_t len)
{
	const struct allowedips *table = rcu_dereference(self->engine->allowedips);
	size_t total = ip_packet_len(packet, len);

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
	unsigned skipped = self->engine->set.tun.has_header ? 0 : 1;

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

/* Datagrams heard on the path before the one in hand. */
static uint64_t heard_before(const struct delivery *d)
{
	return counter_read(&d->peer->path[d->path_id].rx_packets) + d->authentic - 1;
}

/* Whether the datagram in hand leaves room for an ECHO, and its peer for another one. */
static bool may_echo(const struct delivery *d, unsigned *answer_bytes)
{
	unsigned bytes = frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_echo));

	if (bytes > *answer_bytes ||
	    !bucket_take(&d->peer->echoes, ECHO_NS, ECHOES_BURST * ECHO_NS, d->b->time_ns))
		return false;
	*answer_bytes -= bytes;
	return true;
}

/* Answers a probe at once, on the path where it came in and from the address it was sent to: the shorter it
 * is held, the truer the round trip. A probe from an address that is no path yet is control's business.
 */
static void answer_probe(struct dp_thread *self, const struct delivery *d,
                         const struct frame *frame, unsigned *answer_bytes)
{
	const struct frame_probe *probe = (const void *)frame->body;
	uint8_t payload[FRAME_HEADER_LEN + sizeof(struct frame_echo)];
	struct frame_echo echo = {.path_id = probe->path_id};
	struct batch *answer;

	if (!may_echo(d, answer_bytes)) {
		dp_drop(self, DROP_ANSWER_LIMITED, 1);
		return;
	}
	memcpy(echo.seq, probe->seq, sizeof echo.seq);
	memcpy(echo.t_tx_us, probe->t_tx_us, sizeof echo.t_tx_us);
	memcpy(echo.tx_packets, probe->tx_packets, sizeof echo.tx_packets);
	store_le32(echo.rx_packets, (uint32_t)heard_before(d));
	frame_append(payload, 0, sizeof payload, FRAME_ECHO, &echo, sizeof echo);
	answer = late_make(self, d->peer, d->b->keypair, d->path_id, LANE_CONTROL + d->path_id,
	                   payload, sizeof payload, &d->b->route, d->b->time_ns);
	if (answer)
		dp_follow(self, answer);
}

/* Of several addresses of ours the peer speaks to another one than we answer from. Where the system chooses,
 * it goes on to: an address that was forgotten must not come back by a late probe.
 */
static bool is_spoken_to_elsewhere(const struct delivery *d)
{
	const struct path_target *target = rcu_dereference(d->peer->path[d->path_id].target);
	const struct route *route = &d->b->route;

	return target && route->link->is_wildcard &&
	       endpoint_family(&target->route.local) != AF_UNSPEC &&
	       !endpoint_equal(&target->route.local, &route->local);
}

/* Differences of these between paths tell how long a gap is worth waiting for. */
static void note_delay(const struct delivery *d, const struct frame *frame)
{
	const struct frame_probe *probe = (const void *)frame->body;
	uint32_t now_us = (uint32_t)(d->b->time_ns / NS_PER_US);

	if (d->reorder)
		reorder_probed(d->reorder, d->path_id,
		               (int32_t)(now_us - load_le32(probe->t_tx_us)));
}

/* Passes @len bytes of frames (none: merely the origin) on to control. */
static void report(struct dp_thread *self, const struct delivery *d, const uint8_t *frames,
                   size_t len, uint64_t counter, unsigned answer_bytes)
{
	struct batch *r = batch_get(&self->pool);

	if (!r) {
		dp_drop(self, DROP_CONTROL_BUSY, 1);
		return;
	}
	r->kind = BATCH_REPORT;
	r->peer = dp_peer_get(d->peer);
	if (keypair_get(d->b->keypair))
		r->keypair = d->b->keypair;
	r->route = d->b->route;
	r->time_ns = d->b->time_ns;
	r->path_id = (uint8_t)d->path_id;
	r->first_counter = counter;
	r->answer_bytes = answer_bytes;
	if (d->path_id != PATH_NONE)
		r->rx_packets = heard_before(d);
	assert(len <= FRAMES_LEN_MAX);
	if (len) {
		struct segment *seg = batch_append(r, self->pool.stride);

		memcpy(segment_payload(r, seg), frames, len);
		seg->len = (uint16_t)len;
	}
	mailbox_post_notice(self, r);
}

#define FRAME_BIT(type) (1u << (type))

/* What control hears of by a report of its own; a PROBE only from where no path is. */
#define FRAMES_REPORTED                                                                          \
	(FRAME_BIT(FRAME_HELLO) | FRAME_BIT(FRAME_HELLO_ACK) | FRAME_BIT(FRAME_PATH_CHALLENGE) | \
	 FRAME_BIT(FRAME_PATH_RESPONSE) | FRAME_BIT(FRAME_GOODBYE))

/* Checks a payload of frames as a whole: false, counted, when one of them is bad. @ret_types gets a bit
 * for each type known that is in it.
 */
static bool check_frames(struct dp_thread *self, const uint8_t *payload, size_t len,
                         uint32_t *ret_types)
{
	enum frame_result result = FRAME_BAD;
	struct frame frame;
	size_t offset = 0;

	*ret_types = 0;
	while (len <= FRAMES_LEN_MAX &&
	       (result = frame_next(payload, len, &offset, &frame)) == FRAME_FOUND) {
		size_t known = frame_body_len(frame.type);

		if (known == 0)
			dp_drop(self, DROP_FRAME_UNKNOWN, 1);
		else if (frame.body_len < known)
			break;
		else
			*ret_types |= FRAME_BIT(frame.type);
	}
	if (result == FRAME_END)
		return true;
	dp_drop(self, DROP_FRAME_MALFORMED, 1);
	return false;
}

/* An answer counts only on the path it is about: that proves both directions. */
static void keep_answer(const struct delivery *d, const struct frame *frame)
{
	const struct frame_echo *echo = (const void *)frame->body;
	uint32_t rtt_us = (uint32_t)(d->b->time_ns / NS_PER_US) - load_le32(echo->t_tx_us) -
	                  load_le32(echo->hold_us);
	struct life_sign sign = {.key = d->b->keypair->local_index,
	                         .number = load_le16(echo->seq),
	                         .rtt_us = rtt_us <= RTT_US_MAX ? rtt_us : 0,
	                         .sent = load_le32(echo->tx_packets),
	                         .heard = load_le32(echo->rx_packets)};

	if (echo->path_id == d->path_id)
		signs_put(&d->peer->path[d->path_id].answers, &sign);
}

static void keep_probe(const struct delivery *d, const struct frame *frame)
{
	const struct frame_probe *probe = (const void *)frame->body;
	struct life_sign sign = {.key = d->b->keypair->local_index,
	                         .number = probe->path_id,
	                         .sent = load_le32(probe->tx_packets),
	                         .heard = (uint32_t)heard_before(d)};

	signs_put(&d->peer->path[d->path_id].probes, &sign);
}

/* Life signs of a path we know: the newest probe of the payload is answered, and control is told. */
static void take_signs(struct dp_thread *self, const struct delivery *d, const uint8_t *payload,
                       size_t len, unsigned *answer_bytes)
{
	struct frame frame, probe = {0};
	size_t offset = 0;

	while (frame_next(payload, len, &offset, &frame) == FRAME_FOUND) {
		if (frame.type == FRAME_PROBE)
			probe = frame;
		else if (frame.type == FRAME_ECHO)
			keep_answer(d, &frame);
	}
	if (probe.body) {
		note_delay(d, &probe);
		answer_probe(self, d, &probe, answer_bytes);
		keep_probe(d, &probe);
	}
	mailbox_tell(d->peer, PEER_EVENT_SIGNS);
}

/* All answers to a datagram together are no longer than it: nobody gets more sent to an address, be it his
 * own or a forged one, than he sends himself.
 */
static void take_frames(struct dp_thread *self, const struct delivery *d, const uint8_t *payload,
                        size_t len, uint64_t counter)
{
	bool is_on_path = d->path_id != PATH_NONE;
	uint32_t signs = FRAME_BIT(FRAME_PROBE) | FRAME_BIT(FRAME_ECHO);
	bool is_stray = !is_on_path || is_spoken_to_elsewhere(d);
	uint32_t reported = FRAMES_REPORTED | (is_stray ? FRAME_BIT(FRAME_PROBE) : 0);
	unsigned answer_bytes = (unsigned)len + TRANSPORT_OVERHEAD;
	uint32_t types;

	if (!check_frames(self, payload, len, &types))
		return;
	if (is_on_path && types & signs && keypair_is_fresh(d->b->keypair, d->b->time_ns))
		take_signs(self, d, payload, len, &answer_bytes);
	if (types & reported)
		report(self, d, payload, len, counter, answer_bytes);
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

static void deliver_segment(struct dp_thread *self, struct delivery *d, const struct segment *seg)
{
	const struct message_transport *header = (void *)segment_header(d->b, seg);
	uint8_t *payload = segment_payload(d->b, seg);
	uint64_t counter = load_le64(header->counter);
	bool is_frames;

	if (!keypair_accept(d->b->keypair, counter)) {
		dp_drop(self, DROP_REPLAY, 1);
		return;
	}
	d->authentic++;
	d->bytes += seg->len + TRANSPORT_OVERHEAD;
	if (counter > d->newest)
		d->newest = counter;
	is_frames = seg->len && payload[0] == FRAME_MAGIC &&
	            atomic_load_explicit(&d->peer->frames_allowed, memory_order_relaxed);
	if (is_frames)
		take_frames(self, d, payload, seg->len, counter);
	else if (seg->len) /* a keepalive has none */
		d->has_data = true;
	put_in_order(d, counter, payload, is_frames ? 0 : seg->len);
}

/* Lets packets go that have waited long enough, and sees to it that somebody looks again in time. */
static void run_reorder(const struct delivery *d)
{
	struct dp_peer *peer = d->peer;
	uint64_t due_ns = reorder_run(d->reorder, &d->sink, d->b->time_ns);

	if (due_ns == NEVER_NS) {
		atomic_store_explicit(&peer->reorder_due_ns, due_ns, memory_order_relaxed);
		return;
	}
	/* Sequentially consistent with engine_serve_reorder(): one of the two sees the other. */
	atomic_store(&peer->reorder_due_ns, due_ns);
	if (due_ns < atomic_load(&peer->reorder_look_ns)) {
		atomic_store(&peer->reorder_look_ns, due_ns);
		mailbox_tell(peer, PEER_EVENT_REORDER);
	}
}

/* The first authentic packet under a keypair we made as responder proves that the initiator has it. */
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
	if (has_roamed(d))
		report(self, d, NULL, 0, d->newest, 0);
	dp_peer_heard(b->peer, d->has_data, b->time_ns);
}

void deliver_batch(struct dp_thread *self, struct batch *b, unsigned slot)
{
	struct delivery d = {.b = b,
	                     .peer = b->peer,
	                     .reorder = rcu_dereference(b->peer->reorder),
	                     .sink = {self, b->peer, deliver_packet, flush_to_tun},
	                     .path_id = PATH_NONE};

	(void)slot; /* arrivals have but one order */
	/* All of a peer goes through one queue: the kernel then hands its flows to one dispatcher. */
	self->tun_fd = self->engine->set.tun.fd[dp_peer_queue(b->peer)];
	if (b->kind == BATCH_OPEN) {
		d.path_id = dp_peer_find_path(b->peer, &b->route);
		for (unsigned i = 0; i < b->len; i++)
			deliver_segment(self, &d, &b->segment[i]);
	}
	if (d.authentic)
		account(self, &d);
	if (d.reorder)
		run_reorder(&d);
	else
		flush_to_tun(self);
	batch_free(b);
}
