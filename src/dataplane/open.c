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

static uint64_t counter_of(const struct batch *b, const struct segment *seg)
{
	const struct message_transport *header = (void *)segment_header(b, seg);

	return load_le64(header->counter);
}

/* Puts what is to be opened into @jobs. Returns how many; the others are in *@ret_copies. */
static unsigned choose_jobs(const struct batch *b, struct cipher_job jobs[static BATCH_MAX],
                            uint64_t *ret_copies)
{
	unsigned len = 0;

	*ret_copies = 0;
	for (unsigned i = 0; i < b->len; i++) {
		const struct segment *seg = &b->segment[i];
		uint64_t counter = counter_of(b, seg);

		if (keypair_is_copy(b->keypair, counter))
			*ret_copies |= 1ull << i;
		else
			jobs[len++] = (struct cipher_job){.data = segment_payload(b, seg),
			                                  .len = seg->len - TRANSPORT_HEADER_LEN,
			                                  .counter = counter};
	}
	return len;
}

void open_batch(struct dp_thread *self, struct batch *b)
{
	struct cipher_job jobs[BATCH_MAX];
	const struct cipher_job *job = jobs;
	unsigned kept = 0;
	uint64_t copies;

	cipher_open(self->cipher, b->keypair->keys->receive, jobs, choose_jobs(b, jobs, &copies));
	for (unsigned i = 0; i < b->len; i++) {
		bool is_copy = copies >> i & 1;

		if (!is_copy && !job++->is_authentic)
			continue;
		b->copies |= (uint64_t)is_copy << kept;
		b->ecn[kept] = b->ecn[i];
		b->segment[kept] = b->segment[i];
		b->segment[kept++].len -= TRANSPORT_OVERHEAD;
	}
	if (kept < b->len)
		dp_drop(self, DROP_NOT_AUTHENTIC, b->len - kept);
	b->len = kept;
}
