/* SPDX-License-Identifier: MIT */
/* cipher.h - transport data sealed and opened by the batch, with the fastest library at hand.
 *
 * ChaCha20-Poly1305 (RFC 8439) without additional data; nonces are four zero bytes and the counter,
 * little endian (whitepaper 5.4.6). libsodium is always there. intel-ipsec-mb is taken when it was
 * built in and the CPU has AVX2 or AVX-512: its answers are the same, it only is faster. Handshakes
 * stay with aead.h.
 */
#ifndef CRYPTO_CIPHER_H
#define CRYPTO_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/cipher_job.h"
#include "vtrunkd/wire.h"

/* "auto", "sodium", "ipsec-mb": as in the configuration. */
const char *cipher_library_name(enum cipher_library library);

/* Built in, and usable on this CPU. True for CIPHER_AUTO. */
bool cipher_is_available(enum cipher_library library);

/* Chooses the library for @wanted and runs known answers through it: a vector of RFC 8439, and in
 * this process every length up to 1500 bytes against aead.h, which takes some milliseconds. Returns
 * 0 with *@ret never CIPHER_AUTO; -ENOTSUP when @wanted is not available, -EIO when its answers are
 * wrong. With CIPHER_AUTO a library with wrong answers is passed over. Any thread, after
 * crypto_init().
 */
int cipher_choose(enum cipher_library wanted, enum cipher_library *ret);

/* What one thread carries along to use a library; not shared between threads. */
struct cipher;

/* @library is one that cipher_choose() gave, never CIPHER_AUTO. NULL without memory or when it is
 * not available.
 */
struct cipher *cipher_create(enum cipher_library library);
/* NULL is allowed. Leaves no key behind. */
void cipher_destroy(struct cipher *cipher);

/* Seals @len messages under @key. */
void cipher_seal(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                 const struct cipher_job *jobs, unsigned len);

/* Opens @len messages under @key and says of each whether it is authentic; one that is not holds
 * nothing of its plaintext afterwards, and one shorter than a tag is not touched. Job lengths stay.
 * Tags are compared in constant time. Returns how many are authentic.
 */
unsigned cipher_open(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                     struct cipher_job *jobs, unsigned len);

#endif
