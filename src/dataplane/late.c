/* SPDX-License-Identifier: MIT */
#include "dataplane/late.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/frame.h"
#include "dataplane/peer.h"
#include "dataplane/seal.h"

/* A PROBE or an ECHO, which are alike up to their number, or NULL. */
static const struct frame_probe *probe_of(const uint8_t *payload, size_t len)
{
	if (len < FRAME_HEADER_LEN + sizeof(struct frame_probe) || payload[0] != FRAME_MAGIC)
		return NULL;
	return (const void *)(payload + FRAME_HEADER_LEN);
}

bool late_is_whole(const void *payload, size_t len)
{
	const struct frame_probe *probe = probe_of(payload, len);

	return probe && ((const uint8_t *)payload)[1] == FRAME_PROBE && probe->flags & PROBE_WHOLE;
}

static uint32_t clock_us(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NS_PER_US);
}

/* Time and counts of a probe are those of the wire, so they are filled in when it leaves. */
static void stamp_frame(const struct batch *b, uint8_t *payload, size_t len, uint64_t now_ns)
{
	const struct dp_path *path = &b->peer->path[b->path_id];

	if (!probe_of(payload, len))
		return;
	if (payload[1] == FRAME_PROBE) {
		struct frame_probe *probe = (void *)(payload + FRAME_HEADER_LEN);

		if (!(probe->flags & PROBE_MEASURES))
			store_le32(probe->t_tx_us, clock_us(now_ns));
		store_le32(probe->tx_packets, (uint32_t)(counter_read(&path->tx_packets) -
		                                         counter_read(&path->tx_whole)));
	} else if (payload[1] == FRAME_ECHO) {
		struct frame_echo *echo = (void *)(payload + FRAME_HEADER_LEN);

		store_le32(echo->hold_us, clock_us(now_ns) - clock_us(b->time_ns));
	}
}

bool late_seal(struct dp_thread *self, struct batch *b, uint64_t now_ns)
{
	const struct segment *seg = &b->segment[0];
	uint64_t counter = b->first_counter;

	if (!keypair_can_send(b->keypair, now_ns, b->lane)) {
		dp_drop(self, DROP_NO_SESSION, b->len);
		return false;
	}
	if (late_is_numbered_at_last(b->lane))
		counter = keypair_reserve(b->keypair, b->lane, 1);
	if (counter == UINT64_MAX) {
		dp_drop(self, DROP_COUNTER_LIMIT, b->len);
		return false;
	}
	stamp_frame(b, segment_payload(b, seg), seg->len, now_ns);
	if (b->is_whole)
		seal_first_as_data(self, b, counter);
	else
		seal_first(self, b, counter);
	return true;
}

/* A dispatcher's batches have no bytes of their own. */
static bool has_chunks(const struct dp_thread *self)
{
	return self->pool.chunks.count > 0;
}

static uint8_t *place_in_own(const struct dp_thread *self, struct batch *b, size_t len)
{
	struct segment *seg = batch_append(b, self->pool.stride);

	seg->len = (uint16_t)len;
	return segment_payload(b, seg);
}

struct batch *late_make(struct dp_thread *self, struct dp_peer *peer, struct keypair *kp,
                        unsigned path_id, unsigned lane, const void *payload, size_t len,
                        const struct route *remote, uint64_t time_ns)
{
	struct batch *b =
		has_chunks(self) ? batch_get_for(&self->pool, len) : batch_get(&self->pool);
	uint8_t *at;

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
	b->is_whole = late_is_whole(payload, len);
	if (b->is_whole)
		b->probe_seq = load_le16(probe_of(payload, len)->seq);
	if (remote) {
		b->has_remote = true;
		b->route = *remote;
	}
	at = has_chunks(self) ? batch_place(b, len) : place_in_own(self, b, len);
	if (len)
		memcpy(at, payload, len);
	if (late_is_numbered_at_last(lane))
		sequencer_enter(&peer->path[path_id].leaving, &b->order);
	return b;
}
