/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/open.h"

#include "base/bytes.h"
#include "crypto/cipher.h"
#include "crypto/keypair.h"
#include "dataplane/index.h"
#include "dataplane/peer.h"

bool open_assign(struct dp_thread *self, struct batch *b, uint32_t index, const struct route *route)
{
	struct keypair *kp = index_lookup(self->tables->index, index);

	if (!kp || !keypair_get(kp)) {
		dp_drop(self, DROP_UNKNOWN_INDEX, 1);
		return false;
	}
	if (!keypair_can_receive(kp, self->now_ns)) {
		dp_drop(self, DROP_KEY_EXPIRED, 1);
		keypair_put(kp);
		return false;
	}
	b->peer = dp_peer_get(kp->owner);
	if (!b->peer) {
		dp_drop(self, DROP_UNKNOWN_INDEX, 1);
		keypair_put(kp);
		return false;
	}
	b->kind = BATCH_OPEN;
	b->keypair = kp;
	b->route = *route;
	b->time_ns = self->now_ns;
	return true;
}

void open_batch(struct dp_thread *self, struct batch *b)
{
	struct cipher_job jobs[BATCH_MAX];
	unsigned kept = 0;

	for (unsigned i = 0; i < b->len; i++) {
		const struct segment *seg = &b->segment[i];
		const struct message_transport *header = (void *)segment_header(b, seg);

		jobs[i] = (struct cipher_job){.data = segment_payload(b, seg),
		                              .len = seg->len - TRANSPORT_HEADER_LEN,
		                              .counter = load_le64(header->counter)};
	}
	cipher_open(self->cipher, b->keypair->keys->receive, jobs, b->len);
	for (unsigned i = 0; i < b->len; i++) {
		if (!jobs[i].is_authentic)
			continue;
		b->segment[kept] = b->segment[i];
		b->segment[kept++].len -= TRANSPORT_OVERHEAD;
	}
	if (kept < b->len)
		dp_drop(self, DROP_NOT_AUTHENTIC, b->len - kept);
	b->len = kept;
}
