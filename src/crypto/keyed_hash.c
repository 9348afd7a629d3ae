/* SPDX-License-Identifier: MIT */
#include "crypto/keyed_hash.h"

#include <assert.h>

#include <sodium.h>

#include "base/bytes.h"

_Static_assert(crypto_shorthash_siphash24_KEYBYTES == KEYED_HASH_KEY_LEN, "its key is ours");

uint64_t keyed_hash(const void *data, size_t len, const uint8_t key[static KEYED_HASH_KEY_LEN])
{
	uint8_t hash[crypto_shorthash_siphash24_BYTES];

	crypto_shorthash_siphash24(hash, data, len, key);
	return load_le64(hash);
}
