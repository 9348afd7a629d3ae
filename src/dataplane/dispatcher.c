/* SPDX-License-Identifier: MIT */
/* dispatcher.c - the TUN reader: from IP packets to numbered batches, one per peer and path.
 *
 * It works in rounds. A round reads what the TUN device holds (at most ROUND_PACKETS), puts each
 * packet into the open batch of the path picked for it, then numbers the packets of each peer with
 * one reservation and submits the batches. So a batch waits no longer than its round, and an idle
 * daemon handles a lone packet at once. Packets without a session or path are staged until control
 * kicks us.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/engine_private.h"

#define ROUND_PACKETS BATCH_MAX

static bool is_ip_packet(const uint8_t *packet, size_t len)
{
	if (len >= 20 && packet[0] >> 4 == 4)
		return load_be16(packet + 2) <= len;
	return len >= 40 && packet[0] >> 4 == 6 && 40u + load_be16(packet + 4) <= len;
}

static void append_packet(struct batch *b, uint32_t stride, const uint8_t *packet, size_t len)
{
	struct segment *seg = batch_append(b, stride);

	memcpy(segment_payload(b, seg), packet, len);
	seg->len = (uint16_t)len;
}

/* ---- staging ---- */

static void drop_oldest_staged(struct dispatcher *d, struct dp_peer *peer)
{
	struct batch *b = peer->staged;

	dp_drop(&d->self, DROP_STAGED_FULL, 1);
	counter_add(&peer->staged_len, (uint64_t)-1);
	if (++peer->staged_skip < b->len)
		return;
	peer->staged = b->next;
	peer->staged_skip = 0;
	d->staged_batches--;
	batch_free(b);
}

/* Keeps a packet until a session and a path exist; the oldest one gives way. */
static void stage_packet(struct dispatcher *d, struct dp_peer *peer, const uint8_t *packet,
                         size_t len)
{
	struct batch *b = peer->staged ? peer->staged_tail : NULL;

	if (!b || b->len == d->self.pool.slots) {
		struct batch *fresh = NULL;

		if (d->staged_batches < d->self.pool.count / 2)
			fresh = batch_get(&d->self.pool);
		if (!fresh) {
			dp_drop(&d->self, DROP_STAGED_FULL, 1);
			return;
		}
		if (peer->staged)
			b->next = fresh;
		else
			peer->staged = fresh;
		peer->staged_tail = b = fresh;
		d->staged_batches++;
	}
	append_packet(b, d->self.pool.stride, packet, len);
	counter_add(&peer->staged_len, 1);
	if (counter_read(&peer->staged_len) > STAGED_MAX)
		drop_oldest_staged(d, peer);
}

/* Asks for a session once; control clears the wish when the attempt has ended either way. */
static void want_session(struct dp_peer *peer)
{
	if (atomic_load_explicit(&peer->session_wanted, memory_order_relaxed))
		return;
	atomic_store_explicit(&peer->session_wanted, true, memory_order_relaxed);
	dp_peer_event(peer, PEER_EVENT_WANT_SESSION);
}

/* ---- rounds ---- */

/* Numbers and submits what the round holds for @peer. */
static void submit_peer(struct dispatcher *d, struct dp_peer *peer, bool more)
{
	struct keypair *kp = peer->round_keypair;
	uint64_t first = keypair_reserve(kp, peer->round_lane, peer->round_len);

	for (unsigned mask = peer->round_paths; mask; mask &= mask - 1) {
		struct dp_path *path = &peer->path[__builtin_ctz(mask)];
		struct batch *b = path->open;

		path->open = NULL;
		if (first == UINT64_MAX) {
			dp_drop_batch(&d->self, b, DROP_COUNTER_LIMIT);
			continue;
		}
		if (!keypair_get(kp)) {
			dp_drop_batch(&d->self, b, DROP_NO_SESSION);
			continue;
		}
		b->keypair = kp;
		b->peer = dp_peer_get(peer);
		b->first_counter = first;
		sequencer_enter(&path->leaving, b);
		engine_submit(&d->self, b, more);
	}
	/* Whitepaper 6.2: the initiator renews a key that is old enough, when it sends with it. */
	if ((kp->is_initiator && d->self.now_ns >= kp->rekey_ns) ||
	    (first & ((1ull << LANE_SHIFT) - 1)) >= REKEY_AFTER_MESSAGES)
		want_session(peer);
	peer->round_len = 0;
	peer->round_paths = 0;
}

/* Submits everything. @more: the TUN device held more than one round takes. */
static void end_round(struct dispatcher *d, bool more)
{
	while (d->round) {
		struct dp_peer *peer = d->round;

		d->round = peer->round_next;
		if (peer->round_len)
			submit_peer(d, peer, more);
		peer->round_keypair = NULL;
	}
}

/* Enters @peer into the round with the keypair of this moment. False: it cannot send now. */
static bool join_round(struct dispatcher *d, struct dp_peer *peer, const struct path_table *table)
{
	struct keypair *kp = rcu_dereference(peer->current);
	bool has_lanes;

	if (!kp)
		return false;
	has_lanes = atomic_load_explicit(&kp->send_lanes, memory_order_relaxed);
	peer->round_lane =
		has_lanes && table->mode != BONDING_AGGREGATE ? LANE_UNORDERED : LANE_ORDERED;
	if (!keypair_can_send(kp, d->self.now_ns, peer->round_lane))
		return false;
	peer->round_keypair = kp;
	peer->round_next = d->round;
	d->round = peer;
	return true;
}

static uint16_t mask_of(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < table->len; i++)
		mask |= (uint16_t)(1u << table->slot[i].path_id);
	return mask;
}

/* The open batch for the next packet of @len bytes. May end the round to get memory, and then joins
 * a new one; NULL when the peer cannot send.
 */
static struct batch *open_batch_for(struct dispatcher *d, struct dp_peer *peer, size_t len)
{
	const struct path_table *table = rcu_dereference(peer->path_table);
	unsigned path_id, slot = 0;
	struct batch *b;

	if (!table || table->len == 0)
		return NULL;
	if (!peer->round_keypair && !join_round(d, peer, table))
		return NULL;
	if (table->mode == BONDING_AGGREGATE && table->len > 1)
		slot = pick_path(&peer->pick, table, (uint32_t)len);
	path_id = table->slot[slot].path_id;
	assert(path_id < PATHS_MAX);
	b = peer->path[path_id].open;
	if (b)
		return b;
	b = batch_get(&d->self.pool);
	if (!b)
		return NULL;
	b->kind = BATCH_SEAL;
	b->path_id = (uint8_t)path_id;
	b->path_mask =
		table->mode == BONDING_REDUNDANT ? mask_of(table) : (uint16_t)(1u << path_id);
	peer->path[path_id].open = b;
	peer->round_paths |= (uint16_t)(1u << path_id);
	return b;
}

/* True when the packet is on its way; false when @peer cannot send at this moment. */
static bool add_to_round(struct dispatcher *d, struct dp_peer *peer, const uint8_t *packet,
                         size_t len)
{
	struct batch *b = open_batch_for(d, peer, len);

	if (!b)
		return false;
	append_packet(b, d->self.pool.stride, packet, len);
	b->segment[b->len - 1].rank = (uint16_t)peer->round_len++;
	if (b->len == d->self.pool.slots)
		end_round(d, true);
	return true;
}

/* Lets staged packets go, as many as can. */
static void release_staged(struct dispatcher *d, struct dp_peer *peer)
{
	while (peer->staged) {
		struct batch *b = peer->staged;

		while (peer->staged_skip < b->len) {
			const struct segment *seg = &b->segment[peer->staged_skip];

			if (!add_to_round(d, peer, segment_payload(b, seg), seg->len))
				return;
			peer->staged_skip++;
			counter_add(&peer->staged_len, (uint64_t)-1);
		}
		peer->staged = b->next;
		peer->staged_skip = 0;
		d->staged_batches--;
		batch_free(b);
	}
}

static void dispatch_packet(struct dispatcher *d, const uint8_t *packet, size_t len)
{
	const struct allowedips *table = rcu_dereference(d->self.engine->allowedips);
	struct dp_peer *peer = NULL;

	if (!is_ip_packet(packet, len)) {
		dp_drop(&d->self, DROP_INNER_MALFORMED, 1);
		return;
	}
	/* The device's MTU may have been raised since the slots were cut. */
	if (len + PADDING_MULTIPLE + TRANSPORT_OVERHEAD > d->self.engine->slot_bytes) {
		dp_drop(&d->self, DROP_TOO_BIG, 1);
		return;
	}
	if (table)
		peer = allowedips_lookup_dst(table, packet);
	if (!peer) {
		dp_drop(&d->self, DROP_NO_PEER, 1);
		return;
	}
	if (atomic_load_explicit(&peer->data_refused, memory_order_relaxed)) {
		dp_drop(&d->self, DROP_BONDING_REQUIRED, 1);
		return;
	}
	/* Staged packets go first, or the flow would be out of order. */
	if (peer->staged)
		release_staged(d, peer);
	if (!peer->staged && add_to_round(d, peer, packet, len))
		return;
	stage_packet(d, peer, packet, len);
	want_session(peer);
}

/* With the pool empty packets wait in the TUN device's queue: that is the back-pressure that inner
 * senders feel. The batch that came home goes back at once; it only had to come.
 */
static void wait_for_memory(struct dispatcher *d)
{
	if (!batch_pool_has_idle(&d->self.pool))
		batch_free(batch_get_wait(&d->self.pool));
}

/* In rounds of what memory allows: nobody may ever kick or send again for what would stay behind. With
 * a batch at hand one packet at least can go, unless the peer cannot send.
 */
static void release_kicked(struct dispatcher *d, struct dp_peer *peer)
{
	uint64_t before;

	do {
		before = counter_read(&peer->staged_len);
		wait_for_memory(d);
		release_staged(d, peer);
		end_round(d, false);
	} while (peer->staged && counter_read(&peer->staged_len) < before);
}

/* Takes kicks off the queue. The mark goes first, so a kick that comes meanwhile is not lost. */
static void take_kicks(struct dispatcher *d)
{
	struct cds_wfcq_node *node;
	uint64_t count;

	if (read(d->kick_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		return;
	while ((node = __cds_wfcq_dequeue_nonblocking(&d->kick_head, &d->kick_tail)) &&
	       node != CDS_WFCQ_WOULDBLOCK) {
		struct dp_peer *peer = caa_container_of(node, struct dp_peer, kick_node);

		atomic_store(&peer->is_kicked, false);
		release_kicked(d, peer);
		dp_peer_put(peer);
	}
}

/* A device that is merely down gives EIO and comes back; one that was deleted does not. */
static void note_read_error(struct dispatcher *d, int error)
{
	if (error == 0 || error == EAGAIN || error == EINTR || error == EIO)
		return;
	atomic_store(&d->self.engine->tun_error, error);
	engine_wake_control(d->self.engine);
}

/* Reads packets until the device has no more, or the round is full, or memory is short: a packet needs
 * at most one batch. True: there may be more. All packets count, so that a device that never runs dry
 * cannot keep us from the clock, from kicks and from being quiescent.
 */
static bool read_round(struct dispatcher *d, int tun_fd, uint32_t size)
{
	for (unsigned i = 0; i < ROUND_PACKETS && batch_pool_has_idle(&d->self.pool); i++) {
		ssize_t n = read(tun_fd, d->packet, size);

		if (n <= 0) {
			note_read_error(d, n < 0 ? errno : 0);
			return false;
		}
		dispatch_packet(d, d->packet, (size_t)n);
	}
	return true;
}

static void wait_for_packet(struct dispatcher *d, int tun_fd)
{
	struct pollfd fds[] = {{.fd = tun_fd, .events = POLLIN},
	                       {.fd = d->kick_fd, .events = POLLIN}};

	rcu_thread_offline();
	poll(fds, 2, -1);
	rcu_thread_online();
	d->self.now_ns = clock_boot_ns();
	if (fds[1].revents)
		take_kicks(d);
}

void dispatcher_main(void *arg)
{
	struct dispatcher *d = arg;
	const struct engine_settings *set = &d->self.engine->set;

	while (!atomic_load_explicit(&d->is_stopping, memory_order_acquire) &&
	       !atomic_load_explicit(&d->self.engine->tun_error, memory_order_relaxed)) {
		bool more;

		d->self.now_ns = clock_boot_ns();
		more = read_round(d, set->tun_fd, INNER_MTU_MAX);
		end_round(d, more);
		rcu_quiescent_state();
		wait_for_memory(d);
		if (!more)
			wait_for_packet(d, set->tun_fd);
		else if (!cds_wfcq_empty(&d->kick_head, &d->kick_tail))
			take_kicks(d);
	}
}
