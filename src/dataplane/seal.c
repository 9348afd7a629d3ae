/* SPDX-License-Identifier: MIT */
#include "dataplane/seal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/ecn.h"
#include "crypto/cipher.h"
#include "crypto/keypair.h"

/* Zeros up to a multiple of 16, but not past the MTU (whitepaper 5.4.6). */
static size_t padded_len(size_t len, uint32_t mtu)
{
	size_t padded = (len + PADDING_MULTIPLE - 1) / PADDING_MULTIPLE * PADDING_MULTIPLE;

	return padded > mtu && len <= mtu ? mtu : padded;
}

/* Header and padding of @seg, whose seg->len becomes the datagram's. What is left is the cipher's.
 */
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

/* Of each packet to its datagram, while it is there to be read. */
static void copy_ecn(struct batch *b, const struct cipher_job *jobs)
{
	if (!b->copies_ecn) {
		memset(b->ecn, ECN_NOT_ECT, b->len);
		return;
	}
	for (unsigned i = 0; i < b->len; i++)
		b->ecn[i] = ecn_of(jobs[i].data);
}

void seal_batch(struct dp_thread *self, struct batch *b)
{
	struct cipher_job jobs[BATCH_MAX];

	for (unsigned i = 0; i < b->len; i++)
		jobs[i] = begin_segment(b, &b->segment[i], b->first_counter + i, self->mtu);
	copy_ecn(b, jobs);
	cipher_seal(self->cipher, b->keypair->keys->send, jobs, b->len);
}

static void seal_one(struct dp_thread *self, struct batch *b, uint64_t counter, uint32_t mtu)
{
	struct cipher_job job = begin_segment(b, &b->segment[0], counter, mtu);

	cipher_seal(self->cipher, b->keypair->keys->send, &job, 1);
}

void seal_first(struct dp_thread *self, struct batch *b, uint64_t counter)
{
	seal_one(self, b, counter, UINT32_MAX);
}

void seal_first_as_data(struct dp_thread *self, struct batch *b, uint64_t counter)
{
	seal_one(self, b, counter, self->mtu);
}
