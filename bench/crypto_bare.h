/* SPDX-License-Identifier: MIT */
/* crypto_bare.h - the libraries behind crypto/cipher.h called directly, one message per call.
 *
 * What the engine's way costs is measured against it. crypto_bare.c is the one file outside of
 * src/crypto that includes the libraries' headers.
 */
#ifndef BENCH_CRYPTO_BARE_H
#define BENCH_CRYPTO_BARE_H

#include "crypto/cipher.h"

struct bare;

/* NULL without memory or when @library, which is not CIPHER_AUTO, is not built in. */
struct bare *bare_create(enum cipher_library library);
void bare_destroy(struct bare *bare); /* NULL is allowed */

/* As cipher_seal() and cipher_open(), but for the wiping of what is not authentic. intel-ipsec-mb
 * leaves the comparison of tags to its caller: that is part of bare_open().
 */
void bare_seal(struct bare *bare, const uint8_t key[static KEY_LEN], const struct cipher_job *jobs,
               unsigned len);
unsigned bare_open(struct bare *bare, const uint8_t key[static KEY_LEN], struct cipher_job *jobs,
                   unsigned len);

#endif
