/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/inject.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "dataplane/mailbox.h"
#include "dataplane/open.h"
#include "dataplane/peer.h"
#include "dataplane/work.h"

/* A batch with a copy of the datagram, or NULL, counted. */
static struct batch *copy_datagram(struct dp_thread *self, const uint8_t *datagram, size_t len)
{
	struct batch *b;

	if (len > self->pool.stride) {
		dp_drop(self, DROP_MALFORMED, 1);
		return NULL;
	}
	b = batch_get(&self->pool);
	if (!b) {
		dp_drop(self, DROP_POOL_EMPTY, 1);
		return NULL;
	}
	batch_append(b, self->pool.stride)->len = (uint16_t)len;
	memcpy(segment_header(b, &b->segment[0]), datagram, len);
	return b;
}

void inject_data(struct dp_thread *self, const struct route *route, const uint8_t *datagram,
                 size_t len)
{
	const struct message_transport *header = (const void *)datagram;
	struct batch *b;

	if (len < TRANSPORT_OVERHEAD) {
		dp_drop(self, DROP_MALFORMED, 1);
		return;
	}
	b = copy_datagram(self, datagram, len);
	if (!b)
		return;
	self->now_ns = clock_boot_ns();
	if (!open_assign(self, b, load_le32(header->receiver_index), route)) {
		batch_free(b);
		return;
	}
	sequencer_enter(&b->peer->arriving, &b->order);
	work_submit(self, b, true);
}

void inject_handshake(struct dp_thread *self, const struct route *route, const uint8_t *datagram,
                      size_t len)
{
	struct batch *b = copy_datagram(self, datagram, len);

	if (!b)
		return;
	b->kind = BATCH_HANDSHAKE;
	b->route = *route;
	mailbox_post_handshake(self, b);
}

void inject_flush(struct dp_thread *self, struct dp_peer *peer, uint64_t now_ns)
{
	struct batch *b = batch_get(&self->pool);

	if (!b)
		return;
	b->kind = BATCH_FLUSH;
	b->peer = dp_peer_get(peer);
	if (!b->peer) {
		batch_free(b);
		return;
	}
	b->time_ns = now_ns;
	sequencer_enter(&peer->arriving, &b->order);
	work_run(self, b);
}
