/* SPDX-License-Identifier: MIT */
/* aead.h - the door to libsodium: ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305.
 *
 * Nonces of the first are four zero bytes and the counter, little endian (whitepaper 5.4.6).
 * crypto_init() (init.h) must have succeeded. Any thread.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* @dst takes @len + AEAD_TAG_LEN bytes and may be @src. */
void aead_seal(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
               uint64_t counter, const uint8_t key[static KEY_LEN]);

/* @len counts the tag; @dst takes @len - AEAD_TAG_LEN bytes, may be @src, and holds nothing of the
 * message unless true is returned. False when @len is too short or the tag is wrong.
 */
bool aead_open(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
               uint64_t counter, const uint8_t key[static KEY_LEN]);

void xaead_seal(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
                const uint8_t nonce[static XNONCE_LEN], const uint8_t key[static KEY_LEN]);
bool xaead_open(uint8_t *dst, const uint8_t *src, size_t len, const void *ad, size_t ad_len,
                const uint8_t nonce[static XNONCE_LEN], const uint8_t key[static KEY_LEN]);

/* X25519 (RFC 7748). False when the result is all zero, that is @public_key has a low order. */
bool dh(uint8_t out[static KEY_LEN], const uint8_t private_key[static KEY_LEN],
        const uint8_t public_key[static KEY_LEN]);
void dh_public(uint8_t public_key[static KEY_LEN], const uint8_t private_key[static KEY_LEN]);

/* The bits RFC 7748 wants set and clear in a private key. */
void dh_clamp(uint8_t private_key[static KEY_LEN]);

void random_bytes(void *out, size_t len);
uint32_t random_u32(void);
/* 0 .. @bound - 1, without bias. */
uint64_t random_below(uint64_t bound);

/* Constant time. */
bool secret_equal(const void *a, const void *b, size_t len);
/* Not left out by the compiler. */
void secret_wipe(void *at, size_t len);

#define SECRET_STACK_LEN (64u << 10) /* bytes: deeper than any reader of keys goes; not tuned */

/* Wipes SECRET_STACK_LEN bytes of stack below the caller's frame. Wiping one's own variables does
 * not reach what others left there: copying goes through vector registers, and whoever saves those
 * - the dynamic linker at the first call of a function of a library, the kernel around a signal
 * handler - writes what was copied last to the stack.
 */
void secret_wipe_stack(void);

#endif
