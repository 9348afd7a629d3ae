/* SPDX-License-Identifier: MIT */
/* open.c - from datagrams to authentic payloads. */
#include "base/bytes.h"
#include "crypto/aead.h"
#include "dataplane/engine_private.h"

/* Opens in place; the header with its counter stays before the payload. */
static bool open_segment(struct batch *b, struct segment *seg)
{
	const struct message_transport *header = (void *)segment_header(b, seg);
	uint8_t *payload = segment_payload(b, seg);

	if (!aead_open(payload, payload, seg->len - TRANSPORT_HEADER_LEN, NULL, 0,
	               load_le64(header->counter), b->keypair->keys->receive))
		return false;
	seg->len = (uint16_t)(seg->len - TRANSPORT_OVERHEAD);
	return true;
}

void open_batch(struct dp_thread *self, struct batch *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->len; i++) {
		if (open_segment(b, &b->segment[i]))
			b->segment[kept++] = b->segment[i];
	}
	if (kept < b->len)
		dp_drop(self, DROP_NOT_AUTHENTIC, b->len - kept);
	b->len = kept;
}
