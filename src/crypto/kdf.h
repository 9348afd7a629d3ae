/* SPDX-License-Identifier: MIT */
/* kdf.h - HKDF over BLAKE2s as whitepaper 5.4 defines it: one, two or three outputs. */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* Outputs may be @chain; NULL outputs are not computed from the right (kdf2: t3 NULL). @t1 is
 * always wanted. Scratch is wiped.
 */
void kdf(const uint8_t chain[static HASH_LEN], const void *input, size_t len, uint8_t *t1,
         uint8_t *t2, uint8_t *t3);

#endif
