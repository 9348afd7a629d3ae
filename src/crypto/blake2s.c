/* SPDX-License-Identifier: MIT */
/* libb2 chooses its code for this processor on the first call and keeps the choice in a global:
 * crypto_init() makes that call while there is one thread. Its functions fail on impossible lengths
 * only, which the assertions below exclude. States are wiped: they hold keys and chaining values.
 */
#include "crypto/blake2s.h"

#include <assert.h>
#include <blake2.h>
#include <string.h>

#include "crypto/aead.h"

#define BLOCK_LEN ((size_t)BLAKE2S_BLOCKBYTES)

static void update(blake2s_state *state, const void *data, size_t len)
{
	if (len > 0)
		blake2s_update(state, data, len);
}

void blake2s_hash(uint8_t out[static HASH_LEN], const void *a, size_t a_len, const void *b,
                  size_t b_len)
{
	blake2s_state state;

	blake2s_init(&state, HASH_LEN);
	update(&state, a, a_len);
	update(&state, b, b_len);
	blake2s_final(&state, out, HASH_LEN);
	secret_wipe(&state, sizeof state);
}

void blake2s_mac(uint8_t out[static MAC_LEN], const void *key, size_t key_len, const void *data,
                 size_t len)
{
	blake2s_state state;

	assert(key_len >= 1 && key_len <= BLAKE2S_KEYBYTES);
	blake2s_init_key(&state, MAC_LEN, key, key_len);
	update(&state, data, len);
	blake2s_final(&state, out, MAC_LEN);
	secret_wipe(&state, sizeof state);
}

/* The key, filled up with zeros to a block, each byte XORed with @pad (RFC 2104, section 2). */
static void padded_key(uint8_t block[static BLOCK_LEN], const uint8_t *key, size_t key_len,
                       uint8_t pad)
{
	memset(block, pad, BLOCK_LEN);
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
}

void blake2s_hmac(uint8_t out[static HASH_LEN], const void *key, size_t key_len, const void *data,
                  size_t len)
{
	uint8_t inner_key[BLOCK_LEN], outer_key[BLOCK_LEN], inner[HASH_LEN];

	assert(key_len <= BLOCK_LEN);
	padded_key(inner_key, key, key_len, 0x36);
	padded_key(outer_key, key, key_len, 0x5c);
	blake2s_hash(inner, inner_key, BLOCK_LEN, data, len);
	blake2s_hash(out, outer_key, BLOCK_LEN, inner, HASH_LEN);
	secret_wipe(inner_key, sizeof inner_key);
	secret_wipe(outer_key, sizeof outer_key);
	secret_wipe(inner, sizeof inner);
}
