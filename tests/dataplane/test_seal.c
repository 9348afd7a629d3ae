/* SPDX-License-Identifier: MIT */
/* Payloads become datagrams: numbers, padding, ciphertext. */
#include "base/ecn.h"
#include "dataplane/seal.h"
#include "outbound_rig.h"

TestSuite(seal, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

Test(seal, packets_are_numbered_in_order_and_padded_up_to_the_mtu)
{
	static const struct {
		size_t packet, payload;
	} cases[] = {{48, 48},     {49, 64},     {63, 64},     {64, 64},    {65, 80},
	             {1403, 1408}, {1408, 1408}, {1409, 1420}, {1420, 1420}};
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];

	begin_session(true, 0);
	rig_start(&ours);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t counter;

		rig_packet(packet, i % 2 ? 4 : 6, HERE, THERE, i, cases[i].packet);
		cr_assert(rig_write(&ours, packet, cases[i].packet));
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload),
		             cases[i].payload));
		cr_expect(eq(u64, counter, i));
		ASSERT_BYTES(payload, packet, cases[i].packet);
		for (size_t k = cases[i].packet; k < cases[i].payload; k++)
			cr_expect(eq(u8, payload[k], 0));
	}
}

/* ---- by hand ---- */

/* A batch of one payload of @len bytes, all 0xee as far as the slot goes. */
static struct batch *make_batch(struct dp_thread *self, size_t len)
{
	struct batch *b = batch_get(&self->pool);
	struct segment *seg = batch_append(b, self->pool.stride);

	memset(segment_header(b, seg), 0xee, self->pool.stride);
	cr_assert(keypair_get(kp));
	b->keypair = kp;
	seg->len = (uint16_t)len;
	return b;
}

/* Expects a datagram of @payload_len bytes inside, of which @len were given and the rest is
 * padding.
 */
static void expect_sealed(const struct batch *b, uint64_t counter, size_t len, size_t payload_len)
{
	const struct segment *seg = &b->segment[0];
	const struct message_transport *header = (void *)segment_header(b, seg);
	uint8_t key[KEY_LEN], payload[RIG_DATAGRAM];

	memset(key, INDEX_THERE, sizeof key);
	cr_assert(eq(sz, seg->len, payload_len + TRANSPORT_OVERHEAD));
	cr_expect(eq(u32, load_le32(header->type), MESSAGE_TRANSPORT));
	cr_expect(eq(u32, load_le32(header->receiver_index), INDEX_THERE));
	cr_expect(eq(u64, load_le64(header->counter), counter));
	cr_assert(aead_open(payload, segment_payload(b, seg), payload_len + AEAD_TAG_LEN, NULL, 0,
	                    counter, key));
	for (size_t i = 0; i < payload_len; i++)
		cr_assert(eq(u8, payload[i], i < len ? 0xee : 0), "byte %zu of %zu", i, len);
}

/* Data is not padded past the MTU of the device; frames, which are no packets of it, always. Data
 * may be longer than an MTU that was raised meanwhile.
 */
Test(seal, padding_ends_at_the_mtu_for_data_and_not_for_frames)
{
	static const struct {
		size_t len, data, frames;
	} cases[] = {{0, 0, 0},    {1, 16, 16},  {16, 16, 16}, {17, 20, 32},
	             {20, 20, 32}, {21, 32, 32}, {32, 32, 32}};
	struct dp_thread *self = &ours.engine->control;

	begin_session(true, 0);
	self->mtu = 20;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct batch *data = make_batch(self, cases[i].len);
		struct batch *frames = make_batch(self, cases[i].len);

		data->first_counter = 100 + i;
		seal_batch(self, data);
		expect_sealed(data, 100 + i, cases[i].len, cases[i].data);
		seal_first(self, frames, (uint64_t)LANE_CONTROL << LANE_SHIFT | i);
		expect_sealed(frames, (uint64_t)LANE_CONTROL << LANE_SHIFT | i, cases[i].len,
		              cases[i].frames);
		batch_free(data);
		batch_free(frames);
	}
}

/* Before it is ciphertext. */
Test(seal, field_of_the_packet_is_copied_where_it_shall_be)
{
	struct dp_thread *self = &ours.engine->control;

	begin_session(true, 0);
	for (unsigned i = 0; i < 8; i++) {
		struct batch *b = make_batch(self, 48);

		rig_packet(segment_payload(b, &b->segment[0]), i % 2 ? 4 : 6, HERE, THERE, 1, 48);
		ecn_set(segment_payload(b, &b->segment[0]), ECN_ECT_0);
		b->ecn[0] = ECN_CE; /* of its last life */
		b->copies_ecn = i < 4;
		seal_batch(self, b);
		cr_expect(eq(u8, b->ecn[0], i < 4 ? ECN_ECT_0 : ECN_NOT_ECT));
		batch_free(b);
	}
}
