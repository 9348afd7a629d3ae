/* SPDX-License-Identifier: MIT */
#include "crypto/kdf.h"

#include <assert.h>
#include <string.h>

#include "crypto/aead.h"
#include "crypto/blake2s.h"

void kdf(const uint8_t chain[static HASH_LEN], const void *input, size_t len, uint8_t *t1,
         uint8_t *t2, uint8_t *t3)
{
	uint8_t *const outputs[] = {t1, t2, t3};
	uint8_t extracted[HASH_LEN];
	uint8_t block[HASH_LEN + 1]; /* the output before this one and its number */
	size_t before = 0;           /* the first output has none before it */

	assert(t1 && (t2 || !t3));
	blake2s_hmac(extracted, chain, HASH_LEN, input, len);
	for (uint8_t i = 0; i < 3 && outputs[i]; i++) {
		block[before] = i + 1;
		blake2s_hmac(block, extracted, HASH_LEN, block, before + 1);
		memcpy(outputs[i], block, HASH_LEN);
		before = HASH_LEN;
	}
	secret_wipe(extracted, sizeof extracted);
	secret_wipe(block, sizeof block);
}
