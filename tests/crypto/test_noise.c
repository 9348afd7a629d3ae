/* SPDX-License-Identifier: MIT */
#include "crypto/noise.h"

#include <errno.h>
#include <stddef.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/cookie.h"
#include "crypto/init.h"
#include "low_order.h"
#include "noise_vectors.h"
#include "test_bytes.h"

#define VECTOR_COUNT (sizeof noise_vectors / sizeof *noise_vectors)

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(noise, .init = init);

/* Two hosts with the keys of a vector, who know each other. */
struct hosts {
	const struct noise_vector *v;
	struct noise_identity initiator;
	struct noise_identity responder;
	struct noise_remote to_responder; /* what the initiator knows of the responder */
	struct noise_remote to_initiator;
};

static struct hosts hosts_of(const struct noise_vector *v)
{
	struct hosts h = {.v = v};

	noise_identity_init(&h.initiator, v->initiator_private);
	noise_identity_init(&h.responder, v->responder_private);
	noise_remote_init(&h.to_responder, &h.initiator, h.responder.public_key, v->preshared_key);
	noise_remote_init(&h.to_initiator, &h.responder, h.initiator.public_key, v->preshared_key);
	return h;
}

static int create_initiation(const struct hosts *h, struct noise_handshake *hs,
                             struct message_initiation *msg)
{
	return noise_create_initiation(hs, &h->initiator, &h->to_responder,
	                               h->v->initiator_ephemeral, h->v->timestamp,
	                               load_le32(h->v->initiator_index), msg);
}

static int create_response(const struct hosts *h, struct noise_handshake *hs,
                           struct message_response *msg)
{
	return noise_create_response(hs, &h->to_initiator, h->v->responder_ephemeral,
	                             load_le32(h->v->responder_index), msg);
}

/* Both halves, with the responder's keys. */
static int consume_initiation(const struct hosts *h, struct noise_initiation *init,
                              const struct message_initiation *msg)
{
	uint8_t timestamp[TAI64N_LEN];
	int r = noise_open_initiation(init, &h->responder, msg);

	return r ? r : noise_accept_initiation(init, &h->to_initiator, msg, timestamp);
}

/* A handshake that has come as far as the response, both sides' states included. */
struct exchange {
	struct hosts hosts;
	struct noise_handshake initiator;
	struct noise_handshake responder;
	struct message_initiation initiation;
	struct message_response response;
};

static struct exchange exchange_of(const struct noise_vector *v)
{
	struct exchange x = {.hosts = hosts_of(v)};
	struct noise_initiation opened;

	cr_assert(eq(int, create_initiation(&x.hosts, &x.initiator, &x.initiation), 0));
	cr_assert(eq(int, consume_initiation(&x.hosts, &opened, &x.initiation), 0));
	x.responder = opened.handshake;
	cr_assert(eq(int, create_response(&x.hosts, &x.responder, &x.response), 0));
	return x;
}

static int consume_response(struct exchange *x, const struct message_response *msg)
{
	return noise_consume_response(&x->initiator, &x->hosts.initiator, &x->hosts.to_responder,
	                              msg);
}

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

/* MAC1 is what protects type and indices; noise.c sees only what passed it. */
Test(noise, one_wrong_bit_before_mac2_is_refused_by_mac1)
{
	const struct noise_vector *v = &noise_vectors[1];
	struct cookie_checker at_responder, at_initiator;
	uint8_t initiation[148], response[92];

	cookie_checker_init(&at_responder, v->responder_public);
	cookie_checker_init(&at_initiator, v->initiator_public);
	memcpy(initiation, v->initiation, sizeof initiation);
	memcpy(response, v->response, sizeof response);
	for (unsigned bit = 0; bit < 8 * (sizeof initiation - MAC_LEN); bit++) {
		initiation[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int,
		             cookie_check(&at_responder, initiation, sizeof initiation, v->source,
		                          sizeof v->source, 1),
		             COOKIE_BAD_MAC1),
		          "bit %u", bit);
		initiation[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 8 * (sizeof response - MAC_LEN); bit++) {
		response[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int,
		             cookie_check(&at_initiator, response, sizeof response, v->source,
		                          sizeof v->source, 1),
		             COOKIE_BAD_MAC1),
		          "bit %u", bit);
		response[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Everybody who knows the responder's public key can make MAC1. The sealed parts must hold alone.
 */
Test(noise, one_wrong_bit_in_an_initiation_is_refused_and_changes_nothing)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	const unsigned first = offsetof(struct message_initiation, ephemeral);
	const unsigned time = offsetof(struct message_initiation, timestamp_sealed);
	const unsigned end = offsetof(struct message_initiation, macs);
	struct noise_initiation opened, before;
	uint8_t stamp[TAI64N_LEN], untouched[TAI64N_LEN];
	struct message_initiation msg = x.initiation;
	uint8_t *at = (uint8_t *)&msg;

	memset(untouched, 0xa5, sizeof untouched);
	for (unsigned bit = 8 * first; bit < 8 * end; bit++) {
		memset(&before, 0xa5, sizeof before);
		opened = before;
		memcpy(stamp, untouched, sizeof stamp);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (bit / 8 < time) {
			cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &msg),
			             -EBADMSG),
			          "bit %u", bit);
		} else {
			cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &msg),
			             0));
			before = opened;
			cr_assert(eq(int,
			             noise_accept_initiation(&opened, &x.hosts.to_initiator, &msg,
			                                     stamp),
			             -EBADMSG),
			          "bit %u", bit);
		}
		ASSERT_BYTES(&opened, &before, sizeof before);
		ASSERT_BYTES(stamp, untouched, sizeof stamp);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_assert(eq(int, consume_initiation(&x.hosts, &opened, &msg), 0));
}

Test(noise, one_wrong_bit_in_a_response_is_refused_and_the_right_one_still_accepted)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	const struct noise_handshake before = x.initiator;
	const unsigned first = offsetof(struct message_response, ephemeral);
	const unsigned end = offsetof(struct message_response, macs);
	struct message_response msg = x.response;
	uint8_t *at = (uint8_t *)&msg, send[KEY_LEN], receive[KEY_LEN];

	for (unsigned bit = 8 * first; bit < 8 * end; bit++) {
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int, consume_response(&x, &msg), -EBADMSG), "bit %u", bit);
		ASSERT_BYTES(&x.initiator, &before, sizeof before);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_assert(eq(int, consume_response(&x, &msg), 0));
	noise_split(&x.initiator, true, send, receive);
	ASSERT_BYTES(send, noise_vectors[1].key_to_responder, KEY_LEN);
	ASSERT_BYTES(receive, noise_vectors[1].key_to_initiator, KEY_LEN);
}

Test(noise, response_to_another_handshake_is_refused)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_handshake other, before;
	struct message_initiation msg;
	uint8_t ephemeral[KEY_LEN];

	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(eq(int,
	             noise_create_initiation(&other, &x.hosts.initiator, &x.hosts.to_responder,
	                                     ephemeral, x.hosts.v->timestamp, 1, &msg),
	             0));
	before = other;
	cr_assert(eq(int,
	             noise_consume_response(&other, &x.hosts.initiator, &x.hosts.to_responder,
	                                    &x.response),
	             -EBADMSG));
	ASSERT_BYTES(&other, &before, sizeof before);
}

Test(noise, wrong_preshared_key_is_noticed_by_the_initiator)
{
	for (unsigned bit = 0; bit < 8 * KEY_LEN; bit++) {
		struct exchange x = exchange_of(&noise_vectors[bit % VECTOR_COUNT]);
		const struct noise_handshake before = x.initiator;

		x.hosts.to_responder.preshared_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int, consume_response(&x, &x.response), -EBADMSG), "bit %u", bit);
		ASSERT_BYTES(&x.initiator, &before, sizeof before);
		x.hosts.to_responder.preshared_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int, consume_response(&x, &x.response), 0));
	}
}

/* A third host, which knows every public key but has a private key of its own. */
static struct noise_identity stranger(void)
{
	struct noise_identity self;
	uint8_t private_key[KEY_LEN];

	random_bytes(private_key, sizeof private_key);
	noise_identity_init(&self, private_key);
	return self;
}

Test(noise, initiation_to_another_responder_does_not_open)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_identity other = stranger();
	struct noise_initiation opened;

	cr_assert(eq(int, noise_open_initiation(&opened, &other, &x.initiation), -EBADMSG));
	other.private_key[5] ^= 1; /* right public key, wrong private one */
	memcpy(other.public_key, x.hosts.responder.public_key, KEY_LEN);
	cr_assert(eq(int, noise_open_initiation(&opened, &other, &x.initiation), -EBADMSG));
}

/* "es" lets anybody name a public key; "ss" asks for its private key. */
Test(noise, initiator_that_borrows_a_public_key_is_not_accepted)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_identity thief = stranger();
	struct noise_remote remote;
	struct noise_handshake hs;
	struct noise_initiation opened, before;
	struct message_initiation msg;
	uint8_t timestamp[TAI64N_LEN];

	noise_remote_init(&remote, &thief, x.hosts.responder.public_key, x.hosts.v->preshared_key);
	memcpy(thief.public_key, x.hosts.initiator.public_key, KEY_LEN);
	cr_assert(eq(int,
	             noise_create_initiation(&hs, &thief, &remote, x.hosts.v->initiator_ephemeral,
	                                     x.hosts.v->timestamp, 1, &msg),
	             0));
	cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &msg), 0));
	ASSERT_BYTES(opened.public_key, x.hosts.initiator.public_key, KEY_LEN);
	before = opened;
	cr_assert(eq(int, noise_accept_initiation(&opened, &x.hosts.to_initiator, &msg, timestamp),
	             -EBADMSG));
	ASSERT_BYTES(&opened, &before, sizeof before);
}

Test(noise, initiation_is_not_accepted_with_the_keys_of_another_peer)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_identity other = stranger();
	struct noise_remote remote;
	struct noise_initiation opened;
	uint8_t timestamp[TAI64N_LEN];

	noise_remote_init(&remote, &x.hosts.responder, other.public_key, NULL);
	cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &x.initiation), 0));
	cr_assert(eq(int, noise_accept_initiation(&opened, &remote, &x.initiation, timestamp),
	             -EBADMSG));
}

/* A responder without the private key cannot have opened the initiation; even given the state after
 * it, the initiator whose private key is wrong computes another "se".
 */
Test(noise, wrong_static_key_of_the_initiator_refuses_the_response)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	const struct noise_handshake before = x.initiator;
	struct noise_identity other = stranger();

	cr_assert(
		eq(int,
	           noise_consume_response(&x.initiator, &other, &x.hosts.to_responder, &x.response),
	           -EBADMSG));
	ASSERT_BYTES(&x.initiator, &before, sizeof before);
}

Test(noise, initiator_does_not_speak_to_a_static_key_of_low_order)
{
	struct hosts h = hosts_of(&noise_vectors[1]);
	struct noise_handshake hs, untouched_hs;
	struct message_initiation msg, untouched_msg;
	uint8_t point[KEY_LEN];

	memset(&untouched_hs, 0xa5, sizeof untouched_hs);
	memset(&untouched_msg, 0xa5, sizeof untouched_msg);
	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		hs = untouched_hs;
		msg = untouched_msg;
		low_order_point(point, i);
		noise_remote_init(&h.to_responder, &h.initiator, point, NULL);
		cr_assert(not(h.to_responder.is_usable), "point %u", i);
		cr_assert(eq(int, create_initiation(&h, &hs, &msg), -EKEYREJECTED));
		h.to_responder.is_usable = true; /* "es" alone must refuse it, too */
		cr_assert(eq(int, create_initiation(&h, &hs, &msg), -EKEYREJECTED));
		ASSERT_BYTES(&hs, &untouched_hs, sizeof hs);
		ASSERT_BYTES(&msg, &untouched_msg, sizeof msg);
	}
}

Test(noise, peer_marked_unusable_is_refused_in_both_roles)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_initiation opened, before;
	struct noise_handshake hs;
	struct message_initiation msg;
	uint8_t timestamp[TAI64N_LEN];

	x.hosts.to_responder.is_usable = false;
	cr_assert(eq(int, create_initiation(&x.hosts, &hs, &msg), -EKEYREJECTED));

	x.hosts.to_initiator.is_usable = false;
	cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &x.initiation), 0));
	before = opened;
	cr_assert(eq(
		int,
		noise_accept_initiation(&opened, &x.hosts.to_initiator, &x.initiation, timestamp),
		-EKEYREJECTED));
	ASSERT_BYTES(&opened, &before, sizeof before);
}

/* Its DH with us is known to be zero, so anybody can write such an initiation without a flaw. */
Test(noise, responder_does_not_accept_a_static_key_of_low_order)
{
	struct hosts h = hosts_of(&noise_vectors[1]);
	struct noise_initiation opened, before;
	struct noise_handshake hs;
	struct message_initiation msg;
	uint8_t timestamp[TAI64N_LEN];

	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		low_order_point(h.initiator.public_key, i);
		memset(h.to_responder.static_static, 0, KEY_LEN);
		cr_assert(eq(int, create_initiation(&h, &hs, &msg), 0));
		cr_assert(eq(int, noise_open_initiation(&opened, &h.responder, &msg), 0));
		ASSERT_BYTES(opened.public_key, h.initiator.public_key, KEY_LEN);

		noise_remote_init(&h.to_initiator, &h.responder, opened.public_key, NULL);
		cr_assert(not(h.to_initiator.is_usable), "point %u", i);
		before = opened;
		cr_assert(eq(int,
		             noise_accept_initiation(&opened, &h.to_initiator, &msg, timestamp),
		             -EKEYREJECTED));
		ASSERT_BYTES(&opened, &before, sizeof before);
	}
}

Test(noise, responder_does_not_accept_an_ephemeral_key_of_low_order)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_initiation opened, untouched;

	memset(&untouched, 0xa5, sizeof untouched);
	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		opened = untouched;
		low_order_point(x.initiation.ephemeral, i);
		cr_assert(eq(int, noise_open_initiation(&opened, &x.hosts.responder, &x.initiation),
		             -EKEYREJECTED),
		          "point %u", i);
		ASSERT_BYTES(&opened, &untouched, sizeof opened);
	}
}

/* Such keys are refused earlier; "ee" and "se" do not rely on that. */
Test(noise, response_is_not_created_for_keys_of_low_order)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	struct noise_initiation opened;
	struct noise_handshake hs, before;
	struct message_response msg, untouched;
	struct noise_remote low;

	memset(&untouched, 0xa5, sizeof untouched);
	cr_assert(eq(int, consume_initiation(&x.hosts, &opened, &x.initiation), 0));
	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		msg = untouched;
		hs = before = opened.handshake;
		low = x.hosts.to_initiator;
		low_order_point(low.public_key, i);
		cr_assert(eq(int,
		             noise_create_response(&hs, &low, x.hosts.v->responder_ephemeral, 1,
		                                   &msg),
		             -EKEYREJECTED),
		          "static, point %u", i);
		ASSERT_BYTES(&hs, &before, sizeof hs);

		low_order_point(hs.ephemeral_remote, i);
		before = hs;
		cr_assert(eq(int, create_response(&x.hosts, &hs, &msg), -EKEYREJECTED),
		          "ephemeral, point %u", i);
		ASSERT_BYTES(&hs, &before, sizeof hs);
		ASSERT_BYTES(&msg, &untouched, sizeof msg);
	}
}

/* "ee" and "se" have the responder's ephemeral key in common, so both are zero at once. */
Test(noise, initiator_does_not_accept_an_ephemeral_key_of_low_order)
{
	struct exchange x = exchange_of(&noise_vectors[1]);
	const struct noise_handshake before = x.initiator;
	struct message_response msg = x.response;

	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		low_order_point(msg.ephemeral, i);
		cr_assert(eq(int, consume_response(&x, &msg), -EKEYREJECTED), "point %u", i);
		ASSERT_BYTES(&x.initiator, &before, sizeof before);
	}
	cr_assert(eq(int, consume_response(&x, &x.response), 0));
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
