/* SPDX-License-Identifier: MIT */
/* What a handshake must not accept: wrong bits, wrong hosts, keys of low order; see noise_rig.h. */
#include "crypto/noise.h"

#include <errno.h>
#include <stddef.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/cookie.h"
#include "low_order.h"
#include "noise_rig.h"

TestSuite(noise_refused, .init = noise_rig_init);

/* MAC1 is what protects type and indices; noise.c sees only what passed it. */
Test(noise_refused, one_wrong_bit_before_mac2_is_refused_by_mac1)
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
Test(noise_refused, one_wrong_bit_in_an_initiation_is_refused_and_changes_nothing)
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

Test(noise_refused, one_wrong_bit_in_a_response_is_refused_and_the_right_one_still_accepted)
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

Test(noise_refused, response_to_another_handshake_is_refused)
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

Test(noise_refused, wrong_preshared_key_is_noticed_by_the_initiator)
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

Test(noise_refused, preshared_key_may_be_another_before_the_response)
{
	struct exchange x = exchange_of(&noise_vectors[0]);
	struct noise_remote *remote = &x.hosts.to_responder;
	uint8_t right[KEY_LEN], other[KEY_LEN] = {1};

	memcpy(right, remote->preshared_key, KEY_LEN);
	noise_remote_set_preshared_key(remote, other);
	cr_assert(eq(int, consume_response(&x, &x.response), -EBADMSG));
	noise_remote_set_preshared_key(remote, right);
	cr_assert(eq(int, consume_response(&x, &x.response), 0));
	noise_remote_set_preshared_key(remote, NULL);
	memset(other, 0, sizeof other);
	ASSERT_BYTES(remote->preshared_key, other, KEY_LEN);
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

Test(noise_refused, initiation_to_another_responder_does_not_open)
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
Test(noise_refused, initiator_that_borrows_a_public_key_is_not_accepted)
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

Test(noise_refused, initiation_is_not_accepted_with_the_keys_of_another_peer)
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
Test(noise_refused, wrong_static_key_of_the_initiator_refuses_the_response)
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

Test(noise_refused, initiator_does_not_speak_to_a_static_key_of_low_order)
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

Test(noise_refused, peer_marked_unusable_is_refused_in_both_roles)
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
Test(noise_refused, responder_does_not_accept_a_static_key_of_low_order)
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

Test(noise_refused, responder_does_not_accept_an_ephemeral_key_of_low_order)
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
Test(noise_refused, response_is_not_created_for_keys_of_low_order)
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
Test(noise_refused, initiator_does_not_accept_an_ephemeral_key_of_low_order)
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
