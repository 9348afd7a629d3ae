/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"

#define NONCE_LEN 12u

static void counter_nonce(uint8_t nonce[static NONCE_LEN], uint64_t counter)
{
	memset(nonce, 0, NONCE_LEN - sizeof counter);
	store_le64(nonce + NONCE_LEN - sizeof counter, counter);
}

void aead_seal(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
               uint64_t counter, const uint8_t key[static KEY_LEN])
{
	uint8_t nonce[NONCE_LEN];

	counter_nonce(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(dst, NULL, src, len, ad, ad_len, NULL, nonce,
	                                          key);
}

/* libsodium verifies before it decrypts, and clears @dst when the tag is wrong. */
bool aead_open(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
               uint64_t counter, const uint8_t key[static KEY_LEN])
{
	uint8_t nonce[NONCE_LEN];

	if (len < AEAD_TAG_LEN)
		return false;
	counter_nonce(nonce, counter);
	return crypto_aead_chacha20poly1305_ietf_decrypt(dst, NULL, NULL, src, len, ad, ad_len,
	                                                 nonce, key) == 0;
}

void xaead_seal(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
                const uint8_t nonce[static XNONCE_LEN], const uint8_t key[static KEY_LEN])
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(dst, NULL, src, len, ad, ad_len, NULL, nonce,
	                                           key);
}

bool xaead_open(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
                const uint8_t nonce[static XNONCE_LEN], const uint8_t key[static KEY_LEN])
{
	if (len < AEAD_TAG_LEN)
		return false;
	return crypto_aead_xchacha20poly1305_ietf_decrypt(dst, NULL, NULL, src, len, ad, ad_len,
	                                                  nonce, key) == 0;
}

bool dh(uint8_t out[static KEY_LEN], const uint8_t private_key[static KEY_LEN],
        const uint8_t public_key[static KEY_LEN])
{
	if (crypto_scalarmult(out, private_key, public_key) == 0)
		return true;
	secret_wipe(out, KEY_LEN); /* libsodium does not say what it left there */
	return false;
}

void dh_public(uint8_t public_key[static KEY_LEN], const uint8_t private_key[static KEY_LEN])
{
	crypto_scalarmult_base(public_key,
	                       private_key); /* cannot fail: the base has no low order */
}

void dh_clamp(uint8_t private_key[static KEY_LEN])
{
	private_key[0] &= 0xf8;
	private_key[KEY_LEN - 1] = (private_key[KEY_LEN - 1] & 0x7f) | 0x40;
}

void random_bytes(void *out, size_t len)
{
	randombytes_buf(out, len);
}

uint32_t random_u32(void)
{
	return randombytes_random();
}

/* The lowest 2^64 mod @bound values are thrown away: what remains is a multiple of @bound. */
uint64_t random_below(uint64_t bound)
{
	uint64_t value;

	assert(bound > 0);
	do
		random_bytes(&value, sizeof value);
	while (value < -bound % bound);
	return value % bound;
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void secret_wipe(void *at, size_t len)
{
	sodium_memzero(at, len);
}

void secret_wipe_stack(void)
{
	sodium_stackzero(SECRET_STACK_LEN);
}
