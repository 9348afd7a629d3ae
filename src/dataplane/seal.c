/* SPDX-License-Identifier: MIT */
/* seal.c - from numbered packets to datagrams on a path. */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/cipher.h"
#include "dataplane/engine_private.h"

/* Zeros up to a multiple of 16, but not past the MTU (whitepaper 5.4.6). */
static size_t padded_len(size_t len, uint32_t mtu)
{
	size_t padded = (len + PADDING_MULTIPLE - 1) / PADDING_MULTIPLE * PADDING_MULTIPLE;

	return padded > mtu && len <= mtu ? mtu : padded;
}

/* Header and padding of @seg, whose seg->len becomes the datagram's. What is left is the cipher's. */
static struct cipher_job begin_segment(const struct batch *b, struct segment *seg, uint64_t counter,
                                       uint32_t mtu)
{
	struct message_transport *header = (void *)segment_header(b, seg);
	uint8_t *payload = segment_payload(b, seg);
	size_t len = padded_len(seg->len, mtu);

	memset(payload + seg->len, 0, len - seg->len);
	store_le32(header->type, MESSAGE_TRANSPORT);
	store_le32(header->receiver_index, b->keypair->remote_index);
	store_le64(header->counter, counter);
	seg->len = (uint16_t)(len + TRANSPORT_OVERHEAD);
	return (struct cipher_job){.data = payload, .len = (uint32_t)len, .counter = counter};
}

void seal_batch(struct dp_thread *self, struct batch *b)
{
	struct cipher_job jobs[BATCH_MAX];

	for (unsigned i = 0; i < b->len; i++)
		jobs[i] = begin_segment(b, &b->segment[i], b->first_counter + b->segment[i].rank,
		                        self->engine->set.mtu);
	cipher_seal(self->cipher, b->keypair->keys->send, jobs, b->len);
}

/* Sends a sealed batch on one path and counts it there. */
static void send_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	struct dp_path *path = &b->peer->path[path_id];
	struct path_target *target = rcu_dereference(path->target);
	const struct route *route = b->has_remote ? &b->route : target ? &target->route : NULL;
	/* What goes elsewhere is one frame. */
	struct train_limit *trains = b->has_remote || !target ? NULL : &target->trains;
	struct link_sent sent;

	if (!route) {
		dp_drop(self, DROP_NO_PATH, b->len);
		return;
	}
	sent = link_send(self, route, trains, b);
	counter_add(&path->tx_packets, sent.packets);
	counter_add(&path->tx_bytes, sent.bytes);
	if (sent.packets < b->len)
		counter_add(&path->tx_errors, b->len - sent.packets);
	if (sent.error) {
		atomic_store_explicit(&path->send_errno, sent.error, memory_order_relaxed);
		dp_peer_event(b->peer, PEER_EVENT_SEND_ERROR);
	}
}

static uint32_t clock_us(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NS_PER_US);
}

/* Time and counts of a probe are those of the wire, so they are filled in when it leaves. */
static void stamp_frame(const struct batch *b, uint8_t *payload, size_t len, uint64_t now_ns)
{
	const struct dp_path *path = &b->peer->path[b->path_id];

	if (len < FRAME_HEADER_LEN + sizeof(struct frame_probe) || payload[0] != FRAME_MAGIC)
		return;
	if (payload[1] == FRAME_PROBE) {
		struct frame_probe *probe = (void *)(payload + FRAME_HEADER_LEN);

		store_le32(probe->t_tx_us, clock_us(now_ns));
		store_le32(probe->tx_packets, (uint32_t)counter_read(&path->tx_packets));
	} else if (payload[1] == FRAME_ECHO) {
		struct frame_echo *echo = (void *)(payload + FRAME_HEADER_LEN);

		store_le32(echo->hold_us, clock_us(now_ns) - clock_us(b->time_ns));
	}
}

/* Frames have a lane for each path, in whose order they leave: they are numbered then. In the lanes of
 * data a number is taken with the place in the order, before.
 */
static bool is_numbered_at_last(unsigned lane)
{
	return lane >= LANE_CONTROL;
}

/* Seals a late batch. False when the key is too old or the lane's counters are used up. */
static bool seal_late(struct dp_thread *self, struct batch *b, uint64_t now_ns)
{
	struct segment *seg = &b->segment[0];
	struct cipher_job job;
	uint64_t counter = b->first_counter;

	if (!keypair_can_send(b->keypair, now_ns, b->lane)) {
		dp_drop(self, DROP_NO_SESSION, b->len);
		return false;
	}
	if (is_numbered_at_last(b->lane))
		counter = keypair_reserve(b->keypair, b->lane, 1);
	if (counter == UINT64_MAX) {
		dp_drop(self, DROP_COUNTER_LIMIT, b->len);
		return false;
	}
	stamp_frame(b, segment_payload(b, seg), seg->len, now_ns);
	job = begin_segment(b, seg, counter, UINT32_MAX);
	cipher_seal(self->cipher, b->keypair->keys->send, &job, 1);
	return true;
}

/* The last path that carries it sends it home. Acquire and release: all have done with it before. */
static void leave(struct batch *b)
{
	bool is_alone = (b->path_mask & (b->path_mask - 1)) == 0;

	if (is_alone || atomic_fetch_sub_explicit(&b->paths_left, 1, memory_order_acq_rel) == 1)
		batch_free(b);
}

/* The clock is read here: under load a thread may emit for long without a turn of its own. */
void emit_on_path(struct dp_thread *self, struct batch *b, unsigned path_id)
{
	uint64_t now_ns = clock_boot_ns();

	if (b->kind == BATCH_SEAL || seal_late(self, b, now_ns)) {
		send_on_path(self, b, path_id);
		dp_peer_sent(b->peer, b->kind == BATCH_SEAL, now_ns);
	}
	leave(b);
}

static void enter_late(struct batch *b)
{
	struct sequencer *leaving = &b->peer->path[b->path_id].leaving;

	if (is_numbered_at_last(b->lane)) {
		sequencer_enter(leaving, b);
		return;
	}
	dp_peer_begin_numbering(b->peer);
	b->first_counter = keypair_reserve(b->keypair, b->lane, 1);
	sequencer_enter(leaving, b);
	dp_peer_end_numbering(b->peer);
}

struct batch *make_late(struct dp_thread *self, struct dp_peer *peer, struct keypair *kp,
                        unsigned path_id, unsigned lane, const void *payload, size_t len,
                        const struct route *remote, uint64_t time_ns)
{
	struct batch *b = batch_get(&self->pool);
	struct segment *seg;

	if (!b) {
		dp_drop(self, DROP_POOL_EMPTY, 1);
		return NULL;
	}
	if (keypair_get(kp))
		b->keypair = kp;
	b->peer = dp_peer_get(peer);
	if (!b->keypair || !b->peer) {
		dp_drop(self, DROP_NO_SESSION, 1);
		batch_free(b);
		return NULL;
	}
	b->kind = BATCH_LATE;
	b->path_id = (uint8_t)path_id;
	b->path_mask = (uint16_t)(1u << path_id);
	b->lane = (uint8_t)lane;
	b->time_ns = time_ns;
	if (remote) {
		b->has_remote = true;
		b->route = *remote;
	}
	seg = batch_append(b, self->pool.stride);
	if (len)
		memcpy(segment_payload(b, seg), payload, len);
	seg->len = (uint16_t)len;
	enter_late(b);
	return b;
}
