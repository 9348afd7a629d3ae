/* SPDX-License-Identifier: MIT */
/* open.c - from datagrams to authentic payloads. */
#include "base/bytes.h"
#include "crypto/cipher.h"
#include "dataplane/engine_private.h"

/* In place; the header with its counter stays before the payload. */
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
