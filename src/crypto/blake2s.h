/* SPDX-License-Identifier: MIT */
/* blake2s.h - the hash, MAC and HMAC of WireGuard (RFC 7693; whitepaper 5.4). libb2 computes. */
#ifndef CRYPTO_BLAKE2S_H
#define CRYPTO_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* BLAKE2s-256 of @a followed by @b; either may be empty. @out may be one of them. */
void blake2s_hash(uint8_t out[static HASH_LEN], const void *a, size_t a_len, const void *b,
                  size_t b_len);

/* Keyed BLAKE2s with 16 bytes of output; @key_len 1 .. 32. */
void blake2s_mac(uint8_t out[static MAC_LEN], const void *key, size_t key_len, const void *data,
                 size_t len);

/* HMAC (RFC 2104) over BLAKE2s-256, block of 64 bytes: not the keyed mode above. @key_len up to 64.
 * @out may be @data or @key.
 */
void blake2s_hmac(uint8_t out[static HASH_LEN], const void *key, size_t key_len, const void *data,
                  size_t len);

#endif
