/* SPDX-License-Identifier: MIT */
#include "crypto/cookie.h"

#include <stddef.h>

#include "../bytes_rig.h"
#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "noise_vectors.h"
#include "vtrunkd/limits.h"

#define VECTOR_COUNT (sizeof noise_vectors / sizeof *noise_vectors)
#define COOKIE_AGE   (COOKIE_SECRET_TIME - COOKIE_LATENCY)

static const uint64_t start_ns = 1000 * NS_PER_S;
static const uint8_t source_v4[6] = {192, 0, 2, 7, 0xca, 0x6c};
static const uint8_t source_v6[18] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1, 0xca, 0x6c};

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(cookie, .init = init);

/* A sender, a receiver, and the message between them. */
struct pair {
	uint8_t public_key[KEY_LEN]; /* the receiver's */
	struct cookie_checker checker;
	struct cookie_keys keys;
	struct cookie_jar jar;
	struct message_initiation msg;
	struct message_cookie_reply reply;
};

static struct pair make_pair(void)
{
	struct pair p = {0};

	random_bytes(p.public_key, sizeof p.public_key);
	random_bytes(&p.msg, sizeof p.msg);
	cookie_checker_init(&p.checker, p.public_key);
	cookie_keys_init(&p.keys, p.public_key);
	return p;
}

static void add_macs(struct pair *p, uint64_t now_ns)
{
	cookie_add_macs(&p->keys, &p->jar, &p->msg, sizeof p->msg, now_ns);
}

static enum cookie_verdict check(struct pair *p, uint64_t now_ns)
{
	return cookie_check(&p->checker, &p->msg, sizeof p->msg, source_v4, sizeof source_v4,
	                    now_ns);
}

static void create_reply(struct pair *p, uint64_t now_ns)
{
	cookie_reply_create(&p->checker, &p->msg, sizeof p->msg, 0x12345678, source_v4,
	                    sizeof source_v4, now_ns, &p->reply);
}

static bool consume(struct pair *p, uint64_t now_ns)
{
	return cookie_reply_consume(&p->keys, &p->jar, &p->reply, now_ns);
}

/* Sends, is answered with a cookie, and has put it into the jar. */
static struct pair make_pair_with_cookie(uint64_t now_ns)
{
	struct pair p = make_pair();

	add_macs(&p, now_ns);
	create_reply(&p, now_ns);
	cr_assert(consume(&p, now_ns));
	return p;
}

static bool has_mac2(const struct pair *p)
{
	static const uint8_t zero[MAC_LEN];

	return memcmp(p->msg.macs.mac2, zero, MAC_LEN) != 0;
}

Test(cookie, macs_are_those_of_the_vectors)
{
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct noise_vector *v = &noise_vectors[i];
		struct cookie_jar jar = {.cookie_at_ns = i == 0 ? 0 : start_ns};
		struct cookie_keys keys;
		uint8_t msg[148];

		memcpy(jar.cookie, v->sent_cookie, COOKIE_LEN);
		memcpy(msg, v->initiation, sizeof v->initiation);
		memset(msg + sizeof v->initiation - sizeof(struct message_macs), 0xa5,
		       sizeof(struct message_macs));
		cookie_keys_init(&keys, v->responder_public);
		cookie_add_macs(&keys, &jar, msg, sizeof v->initiation, start_ns);
		ASSERT_BYTES(msg, v->initiation, sizeof v->initiation);

		memcpy(msg, v->response, sizeof v->response);
		memset(msg + sizeof v->response - sizeof(struct message_macs), 0xa5,
		       sizeof(struct message_macs));
		cookie_keys_init(&keys, v->initiator_public);
		cookie_add_macs(&keys, &jar, msg, sizeof v->response, start_ns);
		ASSERT_BYTES(msg, v->response, sizeof v->response);
	}
}

Test(cookie, reply_of_the_vector_gives_its_cookie)
{
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct noise_vector *v = &noise_vectors[i];
		struct cookie_jar jar = {0};
		struct cookie_keys keys;
		uint8_t msg[148];

		memcpy(msg, v->initiation, sizeof msg);
		cookie_keys_init(&keys, v->responder_public);
		cookie_add_macs(&keys, &jar, msg, sizeof msg, start_ns);
		cr_assert(
			cookie_reply_consume(&keys, &jar, (const void *)v->cookie_reply, start_ns));
		ASSERT_BYTES(jar.cookie, v->cookie, COOKIE_LEN);
		cr_assert(eq(u64, jar.cookie_at_ns, start_ns));
	}
}

/* The checker's side of the same vectors: its secret and the source give that cookie. */
Test(cookie, checker_gives_the_cookie_of_the_vector)
{
	const struct noise_vector *v = &noise_vectors[0];
	struct cookie_checker checker;
	struct message_cookie_reply reply;
	uint8_t cookie[COOKIE_LEN];

	cookie_checker_init(&checker, v->responder_public);
	memcpy(checker.secret, v->cookie_secret, KEY_LEN);
	checker.secret_at_ns = start_ns;
	cookie_reply_create(&checker, v->initiation, sizeof v->initiation, 0x12345678, v->source,
	                    sizeof v->source, start_ns, &reply);
	cr_assert(eq(u32, load_le32(reply.type), MESSAGE_COOKIE_REPLY));
	cr_assert(eq(u32, load_le32(reply.receiver_index), 0x12345678));
	cr_assert(xaead_open(cookie, reply.cookie_sealed, sizeof reply.cookie_sealed,
	                     v->initiation + 116, MAC_LEN, reply.nonce, checker.cookie_key));
	ASSERT_BYTES(cookie, v->cookie, COOKIE_LEN);
}

Test(cookie, message_without_a_cookie_has_mac1_only)
{
	struct pair p = make_pair();

	add_macs(&p, start_ns);
	cr_assert(not(has_mac2(&p)));
	cr_assert(eq(int, check(&p, start_ns), COOKIE_MAC1_ONLY));
}

Test(cookie, message_to_another_receiver_has_a_bad_mac1)
{
	struct pair p = make_pair();

	add_macs(&p, start_ns);
	p.public_key[7] ^= 1;
	cookie_checker_init(&p.checker, p.public_key);
	cr_assert(eq(int, check(&p, start_ns), COOKIE_BAD_MAC1));
}

Test(cookie, one_wrong_bit_spoils_mac1_or_mac2)
{
	struct pair p = make_pair_with_cookie(start_ns);
	const unsigned mac2_at = offsetof(struct message_initiation, macs.mac2);
	uint8_t *at = (uint8_t *)&p.msg;

	add_macs(&p, start_ns);
	for (unsigned bit = 0; bit < 8 * sizeof p.msg; bit++) {
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int, check(&p, start_ns),
		             bit / 8 < mac2_at ? COOKIE_BAD_MAC1 : COOKIE_MAC1_ONLY),
		          "bit %u", bit);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_assert(eq(int, check(&p, start_ns), COOKIE_MAC2_GOOD));
}

/* Before a secret was drawn it is all zero, and so everybody's. A host that has just booted must
 * not take that for a young secret.
 */
Test(cookie, cookie_of_a_zero_secret_is_not_taken)
{
	static const uint64_t times_ns[] = {1, NS_PER_S, COOKIE_SECRET_TIME,
	                                    COOKIE_SECRET_TIME + 1};

	for (size_t i = 0; i < sizeof times_ns / sizeof *times_ns; i++) {
		struct pair p = make_pair();

		/* What anybody can compute: a reply with the secret a checker begins with. */
		p.checker.secret_at_ns = times_ns[i];
		add_macs(&p, times_ns[i]);
		create_reply(&p, times_ns[i]);
		cr_assert(consume(&p, times_ns[i]));
		add_macs(&p, times_ns[i]);
		cr_assert(has_mac2(&p));

		cookie_checker_init(&p.checker, p.public_key);
		cr_assert(eq(int, check(&p, times_ns[i]), COOKIE_MAC1_ONLY));
		cr_assert(eq(u64, p.checker.secret_at_ns, times_ns[i]));
	}
}

Test(cookie, mac2_is_good_from_the_source_it_was_given_to_alone)
{
	struct pair p = make_pair_with_cookie(start_ns);
	uint8_t source[sizeof source_v4];

	add_macs(&p, start_ns);
	cr_assert(eq(int, check(&p, start_ns), COOKIE_MAC2_GOOD));
	for (unsigned bit = 0; bit < 8 * sizeof source; bit++) {
		memcpy(source, source_v4, sizeof source);
		source[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(eq(int,
		             cookie_check(&p.checker, &p.msg, sizeof p.msg, source, sizeof source,
		                          start_ns),
		             COOKIE_MAC1_ONLY),
		          "bit %u", bit);
	}
	cr_assert(eq(int,
	             cookie_check(&p.checker, &p.msg, sizeof p.msg, source_v6, sizeof source_v6,
	                          start_ns),
	             COOKIE_MAC1_ONLY));
}

Test(cookie, sources_of_ipv6_get_cookies_bound_to_them)
{
	struct pair p = make_pair();
	uint8_t source[sizeof source_v6];

	add_macs(&p, start_ns);
	cookie_reply_create(&p.checker, &p.msg, sizeof p.msg, 1, source_v6, sizeof source_v6,
	                    start_ns, &p.reply);
	cr_assert(consume(&p, start_ns));
	add_macs(&p, start_ns);
	cr_assert(eq(int,
	             cookie_check(&p.checker, &p.msg, sizeof p.msg, source_v6, sizeof source_v6,
	                          start_ns),
	             COOKIE_MAC2_GOOD));
	for (unsigned byte = 0; byte < sizeof source; byte++) {
		memcpy(source, source_v6, sizeof source);
		source[byte] ^= 0x10;
		cr_assert(eq(int,
		             cookie_check(&p.checker, &p.msg, sizeof p.msg, source, sizeof source,
		                          start_ns),
		             COOKIE_MAC1_ONLY),
		          "byte %u", byte);
	}
}

Test(cookie, copies_for_two_links_differ_in_mac2_alone)
{
	struct pair p = make_pair_with_cookie(start_ns);
	struct cookie_jar other_link = {0};
	struct message_initiation copy = p.msg;

	add_macs(&p, start_ns);
	cookie_add_macs(&p.keys, &other_link, &copy, sizeof copy, start_ns);
	ASSERT_BYTES(&copy, &p.msg, offsetof(struct message_initiation, macs.mac2));
	cr_assert(has_mac2(&p));
	p.msg = copy;
	cr_assert(not(has_mac2(&p)));
}

Test(cookie, reply_is_consumed_by_the_sender_of_the_message)
{
	struct pair p = make_pair();

	add_macs(&p, start_ns);
	create_reply(&p, start_ns);
	cr_assert(consume(&p, start_ns + 1));
	cr_assert(eq(u64, p.jar.cookie_at_ns, start_ns + 1));
}

/* An empty jar's MAC1 is zero, and whoever knows the public key can seal a cookie beside that. */
Test(cookie, reply_is_refused_before_anything_was_sent)
{
	struct pair p = make_pair();
	struct cookie_jar before;

	memcpy(&before, &p.jar, sizeof before); /* padding included */
	memset(p.msg.macs.mac1, 0, MAC_LEN);
	create_reply(&p, start_ns);
	cr_assert(not(consume(&p, start_ns)));
	ASSERT_BYTES(&p.jar, &before, sizeof before);
}

Test(cookie, reply_to_another_message_is_refused)
{
	struct pair p = make_pair();
	struct cookie_jar before;

	add_macs(&p, start_ns);
	create_reply(&p, start_ns);
	p.msg.ephemeral[0] ^= 1;
	add_macs(&p, start_ns); /* a newer message: its MAC1 replaces the one before */
	memcpy(&before, &p.jar, sizeof before); /* padding included */
	cr_assert(not(consume(&p, start_ns)));
	ASSERT_BYTES(&p.jar, &before, sizeof before);
}

Test(cookie, reply_of_another_peer_is_refused)
{
	struct pair p = make_pair(), other = make_pair();
	struct cookie_jar before;

	add_macs(&p, start_ns);
	memcpy(&before, &p.jar, sizeof before); /* padding included */
	cookie_reply_create(&other.checker, &p.msg, sizeof p.msg, 1, source_v4, sizeof source_v4,
	                    start_ns, &p.reply);
	cr_assert(not(consume(&p, start_ns)));
	ASSERT_BYTES(&p.jar, &before, sizeof before);
}

Test(cookie, one_wrong_bit_in_the_sealed_part_of_a_reply_is_refused)
{
	struct pair p = make_pair();
	struct cookie_jar before;
	uint8_t *at = (uint8_t *)&p.reply;

	add_macs(&p, start_ns);
	create_reply(&p, start_ns);
	memcpy(&before, &p.jar, sizeof before); /* padding included */
	for (unsigned bit = 8 * offsetof(struct message_cookie_reply, nonce);
	     bit < 8 * sizeof p.reply; bit++) {
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(not(consume(&p, start_ns)), "bit %u", bit);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 8 * MAC_LEN; bit++) { /* the data beside the seal */
		p.jar.last_mac1[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(not(consume(&p, start_ns)), "MAC1 bit %u", bit);
		p.jar.last_mac1[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ASSERT_BYTES(&p.jar, &before, sizeof before);
	cr_assert(consume(&p, start_ns));
}

/* Datagrams get doubled: the second copy does no harm, but somebody who repeats a reply later must
 * not make its cookie look young.
 */
Test(cookie, repeated_reply_does_not_renew_the_cookie)
{
	struct pair p = make_pair_with_cookie(start_ns);

	cr_assert(consume(&p, start_ns + COOKIE_AGE - 1));
	cr_assert(eq(u64, p.jar.cookie_at_ns, start_ns));
	add_macs(&p, start_ns + COOKIE_AGE);
	cr_assert(not(has_mac2(&p)));
}

Test(cookie, new_cookie_replaces_the_old_one)
{
	struct pair p = make_pair_with_cookie(start_ns);
	const uint64_t later = start_ns + COOKIE_SECRET_TIME + 1;
	uint8_t old[COOKIE_LEN];

	memcpy(old, p.jar.cookie, sizeof old);
	add_macs(&p, later);
	cr_assert(eq(int, check(&p, later), COOKIE_MAC1_ONLY));
	create_reply(&p, later);
	cr_assert(consume(&p, later));
	cr_assert(ne(mem, bytes_at(p.jar.cookie, sizeof old), bytes_at(old, sizeof old)));
	cr_assert(eq(u64, p.jar.cookie_at_ns, later));
	add_macs(&p, later);
	cr_assert(eq(int, check(&p, later), COOKIE_MAC2_GOOD));
}

Test(cookie, sender_uses_a_cookie_for_less_than_115_s)
{
	static const struct {
		uint64_t age_ns;
		bool is_used;
	} cases[] = {
		{0, true},
		{115 * NS_PER_S - 1, true},
		{115 * NS_PER_S, false},
		{115 * NS_PER_S + 1, false},
		{1000 * NS_PER_S, false},
	};
	struct pair p = make_pair_with_cookie(start_ns);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		add_macs(&p, start_ns + cases[i].age_ns);
		cr_assert(eq(int, has_mac2(&p), cases[i].is_used), "age %llu ns",
		          (unsigned long long)cases[i].age_ns);
	}
}

Test(cookie, receiver_keeps_its_secret_for_120_s)
{
	static const struct {
		uint64_t age_ns;
		enum cookie_verdict verdict;
	} cases[] = {
		{0, COOKIE_MAC2_GOOD},
		{120 * NS_PER_S - 1, COOKIE_MAC2_GOOD},
		{120 * NS_PER_S, COOKIE_MAC2_GOOD},
		{120 * NS_PER_S + 1, COOKIE_MAC1_ONLY},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pair p = make_pair_with_cookie(start_ns);
		uint8_t secret[KEY_LEN];

		memcpy(secret, p.checker.secret, sizeof secret);
		add_macs(&p, start_ns);
		cr_assert(eq(int, check(&p, start_ns + cases[i].age_ns), cases[i].verdict),
		          "age %llu ns", (unsigned long long)cases[i].age_ns);
		cr_assert(eq(int, memcmp(secret, p.checker.secret, sizeof secret) == 0,
		             cases[i].verdict == COOKIE_MAC2_GOOD));
	}
}

Test(cookie, replies_replace_an_old_secret_too)
{
	struct pair p = make_pair_with_cookie(start_ns);
	uint8_t secret[KEY_LEN];

	memcpy(secret, p.checker.secret, sizeof secret);
	create_reply(&p, start_ns + COOKIE_SECRET_TIME);
	ASSERT_BYTES(p.checker.secret, secret, sizeof secret);
	cr_assert(eq(u64, p.checker.secret_at_ns, start_ns));
	create_reply(&p, start_ns + COOKIE_SECRET_TIME + 1);
	cr_assert(ne(mem, bytes_at(p.checker.secret, KEY_LEN), bytes_at(secret, KEY_LEN)));
	cr_assert(eq(u64, p.checker.secret_at_ns, start_ns + COOKIE_SECRET_TIME + 1));
}

Test(cookie, two_replies_never_share_a_nonce)
{
	struct pair p = make_pair();
	uint8_t first[XNONCE_LEN];

	add_macs(&p, start_ns);
	create_reply(&p, start_ns);
	memcpy(first, p.reply.nonce, sizeof first);
	create_reply(&p, start_ns);
	cr_assert(ne(mem, bytes_at(p.reply.nonce, XNONCE_LEN), bytes_at(first, XNONCE_LEN)));
}
