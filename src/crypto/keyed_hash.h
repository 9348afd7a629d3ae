/* SPDX-License-Identifier: MIT */
/* keyed_hash.h - a short hash for tables whose keys a stranger chooses.
 *
 * SipHash-2-4: who does not know the key cannot make entries collide. Not a MAC for messages.
 */
#ifndef CRYPTO_KEYED_HASH_H
#define CRYPTO_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

#define KEYED_HASH_KEY_LEN 16u

/* The key is random and lives as long as the table. Any thread. */
uint64_t keyed_hash(const void *data, size_t len, const uint8_t key[static KEYED_HASH_KEY_LEN]);

#endif
