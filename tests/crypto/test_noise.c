/* SPDX-License-Identifier: MIT */
/* Handshakes as they should be, and the marker in their time stamp; see noise_rig.h. */
#include "crypto/noise.h"

#include <stddef.h>

#include "base/bytes.h"
#include "noise_rig.h"

TestSuite(noise, .init = noise_rig_init);

Test(noise, identity_has_the_public_key_of_the_vector)
{
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct noise_vector *v = &noise_vectors[i];
		struct hosts h = hosts_of(v);

		ASSERT_BYTES(h.initiator.public_key, v->initiator_public, KEY_LEN);
		ASSERT_BYTES(h.responder.public_key, v->responder_public, KEY_LEN);
		cr_assert(eq(u8, h.initiator.private_key[0] & 7, 0));
		cr_assert(eq(u8, h.initiator.private_key[31] & 0xc0, 0x40));
		ASSERT_BYTES(h.to_initiator.static_static, h.to_responder.static_static, KEY_LEN);
		cr_assert(h.to_initiator.is_usable);
		cr_assert(h.to_responder.is_usable);
	}
}

Test(noise, initiator_gives_and_takes_the_vector)
{
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct noise_vector *v = &noise_vectors[i];
		struct hosts h = hosts_of(v);
		struct noise_handshake hs;
		struct message_initiation msg;
		uint8_t send[KEY_LEN], receive[KEY_LEN];

		cr_assert(eq(int, create_initiation(&h, &hs, &msg), 0));
		ASSERT_BYTES(&msg, v->initiation, offsetof(struct message_initiation, macs));
		cr_assert(eq(u32, hs.local_index, load_le32(v->initiator_index)));

		cr_assert(eq(int,
		             noise_consume_response(&hs, &h.initiator, &h.to_responder,
		                                    (const struct message_response *)v->response),
		             0));
		cr_assert(eq(u32, hs.local_index, load_le32(v->initiator_index)));
		cr_assert(eq(u32, hs.remote_index, load_le32(v->responder_index)));
		noise_split(&hs, true, send, receive);
		ASSERT_BYTES(send, v->key_to_responder, KEY_LEN);
		ASSERT_BYTES(receive, v->key_to_initiator, KEY_LEN);
	}
}

Test(noise, responder_takes_and_gives_the_vector)
{
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct noise_vector *v = &noise_vectors[i];
		const struct message_initiation *msg = (const void *)v->initiation;
		struct hosts h = hosts_of(v);
		struct noise_initiation opened;
		struct message_response response;
		uint8_t timestamp[TAI64N_LEN], send[KEY_LEN], receive[KEY_LEN];

		cr_assert(eq(int, noise_open_initiation(&opened, &h.responder, msg), 0));
		ASSERT_BYTES(opened.public_key, v->initiator_public, KEY_LEN);
		cr_assert(eq(int, noise_accept_initiation(&opened, &h.to_initiator, msg, timestamp),
		             0));
		ASSERT_BYTES(timestamp, v->timestamp, TAI64N_LEN);
		cr_assert(eq(u32, opened.handshake.remote_index, load_le32(v->initiator_index)));

		cr_assert(eq(int, create_response(&h, &opened.handshake, &response), 0));
		ASSERT_BYTES(&response, v->response, offsetof(struct message_response, macs));
		cr_assert(eq(u32, opened.handshake.local_index, load_le32(v->responder_index)));
		noise_split(&opened.handshake, false, send, receive);
		ASSERT_BYTES(send, v->key_to_initiator, KEY_LEN);
		ASSERT_BYTES(receive, v->key_to_responder, KEY_LEN);
	}
}

Test(noise, no_preshared_key_means_zeros)
{
	struct hosts h = hosts_of(&noise_vectors[0]);
	struct noise_remote remote;

	memset(&remote, 0xa5, sizeof remote);
	noise_remote_init(&remote, &h.initiator, h.responder.public_key, NULL);
	ASSERT_BYTES(remote.preshared_key, h.to_responder.preshared_key, KEY_LEN);
	ASSERT_BYTES(remote.static_static, h.to_responder.static_static, KEY_LEN);
	cr_assert(remote.is_usable);
}

Test(noise, split_wipes_the_handshake)
{
	static const struct noise_handshake zero;
	struct exchange x = exchange_of(&noise_vectors[1]);
	uint8_t send[KEY_LEN], receive[KEY_LEN];

	cr_assert(eq(int, consume_response(&x, &x.response), 0));
	noise_split(&x.initiator, true, send, receive);
	ASSERT_BYTES(&x.initiator, &zero, sizeof zero);
	noise_split(&x.responder, false, send, receive);
	ASSERT_BYTES(&x.responder, &zero, sizeof zero);
}

Test(noise, time_stamp_is_rounded_and_carries_the_low_bits)
{
	static const struct {
		uint64_t s;
		uint32_t ns, low24;
		const char *hex;
	} cases[] = {
		{0, 0, 0, "400000000000000a00000000"},
		{0, (1 << 24) - 1, 0, "400000000000000a00000000"},
		{0, 1 << 24, 0, "400000000000000a01000000"},
		{1, (1 << 24) + 1, 0, "400000000000000b01000000"},
		{1700000000, 999999999, 0, "400000006553f10a3b000000"},
		{1700000000, 999999999, BONDING_MARKER, "400000006553f10a3b565401"},
		{1700000000, 0x1d123456, BONDING_MARKER, "400000006553f10a1d565401"},
		{1700000000, 0x1d123456, 0xff565401, "400000006553f10a1d565401"},
		{1ull << 32, 0, 0xffffff, "400000010000000a00ffffff"},
	};
	uint8_t got[TAI64N_LEN], want[TAI64N_LEN];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		noise_timestamp(got, cases[i].s, cases[i].ns, cases[i].low24);
		bytes_from_hex(want, cases[i].hex);
		ASSERT_BYTES(got, want, TAI64N_LEN);
		cr_assert(eq(u32, noise_timestamp_low24(got), cases[i].low24 & 0xffffff));
	}
}

Test(noise, time_stamp_with_the_marker_is_valid_and_grows_with_time)
{
	uint8_t last[TAI64N_LEN] = {0}, now[TAI64N_LEN];

	for (uint64_t s = 1700000000; s < 1700000003; s++) {
		for (uint32_t ns = 0; ns < 1000000000; ns += 1 << 24) {
			noise_timestamp(now, s, ns, BONDING_MARKER);
			cr_assert(lt(u32, load_be32(now + 8), 1000000000));
			cr_assert(lt(int, 0, memcmp(now, last, TAI64N_LEN)));
			memcpy(last, now, TAI64N_LEN);
		}
	}
}

Test(noise, responder_reads_the_marker_of_an_initiation)
{
	static const uint32_t low24s[] = {0, 1, BONDING_MARKER, BONDING_MARKER_MASK};
	struct hosts h = hosts_of(&noise_vectors[1]);

	for (size_t i = 0; i < sizeof low24s / sizeof *low24s; i++) {
		uint8_t sent[TAI64N_LEN], got[TAI64N_LEN];
		struct message_initiation msg;
		struct noise_initiation opened;
		struct noise_handshake hs;

		noise_timestamp(sent, 1700000000, 500000000, low24s[i]);
		cr_assert(eq(int,
		             noise_create_initiation(&hs, &h.initiator, &h.to_responder,
		                                     h.v->initiator_ephemeral, sent, 1, &msg),
		             0));
		cr_assert(eq(int, noise_open_initiation(&opened, &h.responder, &msg), 0));
		cr_assert(eq(int, noise_accept_initiation(&opened, &h.to_initiator, &msg, got), 0));
		ASSERT_BYTES(got, sent, TAI64N_LEN);
		cr_assert(eq(u32, noise_timestamp_low24(got), low24s[i]));
	}
}
