/* SPDX-License-Identifier: MIT */
#include "crypto/cookie.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/blake2s.h"
#include "vtrunkd/limits.h"

#define LABEL_LEN 8u

static void label_key(uint8_t key[static KEY_LEN], const char *label,
                      const uint8_t public_key[static KEY_LEN])
{
	blake2s_hash(key, label, LABEL_LEN, public_key, KEY_LEN);
}

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[static KEY_LEN])
{
	memset(checker, 0, sizeof *checker);
	label_key(checker->mac1_key, "mac1----", public_key);
	label_key(checker->cookie_key, "cookie--", public_key);
}

void cookie_keys_init(struct cookie_keys *keys, const uint8_t public_key[static KEY_LEN])
{
	label_key(keys->mac1_key, "mac1----", public_key);
	label_key(keys->cookie_key, "cookie--", public_key);
}

/* Bytes of a message that MAC1 covers; MAC2 covers MAC1 too. */
static size_t mac1_covers(size_t len)
{
	assert(len >= sizeof(struct message_macs));
	return len - sizeof(struct message_macs);
}

/* The cookie of @source now. Its secret is drawn when first needed and replaced when too old. */
static void cookie_of(struct cookie_checker *checker, const void *source, size_t source_len,
                      uint64_t now_ns, uint8_t cookie[static COOKIE_LEN])
{
	if (checker->secret_at_ns == 0 || now_ns - checker->secret_at_ns > COOKIE_SECRET_TIME) {
		random_bytes(checker->secret, sizeof checker->secret);
		checker->secret_at_ns = now_ns;
	}
	blake2s_mac(cookie, checker->secret, sizeof checker->secret, source, source_len);
}

enum cookie_verdict cookie_check(struct cookie_checker *checker, const void *msg, size_t len,
                                 const void *source, size_t source_len, uint64_t now_ns)
{
	const size_t covered = mac1_covers(len);
	const uint8_t *at = (const uint8_t *)msg + covered;
	enum cookie_verdict verdict = COOKIE_MAC1_ONLY;
	uint8_t want[MAC_LEN], cookie[COOKIE_LEN];

	blake2s_mac(want, checker->mac1_key, KEY_LEN, msg, covered);
	if (!secret_equal(want, at, MAC_LEN))
		return COOKIE_BAD_MAC1; /* nothing secret on the stack: MAC1 keys are public */

	cookie_of(checker, source, source_len, now_ns, cookie);
	blake2s_mac(want, cookie, COOKIE_LEN, msg, covered + MAC_LEN);
	if (secret_equal(want, at + MAC_LEN, MAC_LEN))
		verdict = COOKIE_MAC2_GOOD;
	secret_wipe(want, sizeof want);
	secret_wipe(cookie, sizeof cookie);
	return verdict;
}

void cookie_reply_create(struct cookie_checker *checker, const void *msg, size_t len,
                         uint32_t sender_index, const void *source, size_t source_len,
                         uint64_t now_ns, struct message_cookie_reply *ret)
{
	const uint8_t *mac1 = (const uint8_t *)msg + mac1_covers(len);
	uint8_t cookie[COOKIE_LEN];

	store_le32(ret->type, MESSAGE_COOKIE_REPLY);
	store_le32(ret->receiver_index, sender_index);
	random_bytes(ret->nonce, sizeof ret->nonce);
	cookie_of(checker, source, source_len, now_ns, cookie);
	xaead_seal(ret->cookie_sealed, cookie, COOKIE_LEN, mac1, MAC_LEN, ret->nonce,
	           checker->cookie_key);
	secret_wipe(cookie, sizeof cookie);
}

void cookie_add_macs(const struct cookie_keys *keys, struct cookie_jar *jar, void *msg, size_t len,
                     uint64_t now_ns)
{
	const size_t covered = mac1_covers(len);
	uint8_t *mac1 = (uint8_t *)msg + covered;
	uint8_t *mac2 = mac1 + MAC_LEN;

	blake2s_mac(mac1, keys->mac1_key, KEY_LEN, msg, covered);
	memcpy(jar->last_mac1, mac1, MAC_LEN);
	jar->has_last_mac1 = true;

	if (jar->cookie_at_ns != 0 &&
	    now_ns - jar->cookie_at_ns < COOKIE_SECRET_TIME - COOKIE_LATENCY)
		blake2s_mac(mac2, jar->cookie, COOKIE_LEN, msg, covered + MAC_LEN);
	else
		memset(mac2, 0, MAC_LEN);
}

bool cookie_reply_consume(const struct cookie_keys *keys, struct cookie_jar *jar,
                          const struct message_cookie_reply *reply, uint64_t now_ns)
{
	uint8_t cookie[COOKIE_LEN];

	if (!jar->has_last_mac1 ||
	    !xaead_open(cookie, reply->cookie_sealed, sizeof reply->cookie_sealed, jar->last_mac1,
	                MAC_LEN, reply->nonce, keys->cookie_key))
		return false;

	/* The same cookie again, perhaps a reply replayed by somebody: it got no younger. */
	if (jar->cookie_at_ns == 0 || !secret_equal(jar->cookie, cookie, COOKIE_LEN)) {
		memcpy(jar->cookie, cookie, COOKIE_LEN);
		jar->cookie_at_ns = now_ns;
	}
	secret_wipe(cookie, sizeof cookie);
	return true;
}
