/* SPDX-License-Identifier: MIT */
#include "crypto/keyed_hash.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "crypto/init.h"

static void start(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(keyed_hash, .init = start);

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A; the empty input from the
 * authors' list of vectors, with the same key.
 */
Test(keyed_hash, paper_vector)
{
	uint8_t key[KEYED_HASH_KEY_LEN], data[15];

	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	for (uint8_t i = 0; i < sizeof data; i++)
		data[i] = i;
	cr_assert(eq(u64, keyed_hash(data, sizeof data, key), 0xa129ca6149be45e5));
	cr_assert(eq(u64, keyed_hash(data, 0, key), 0x726fdb47dd0e0e31));
}

Test(keyed_hash, key_matters)
{
	uint8_t key[KEYED_HASH_KEY_LEN] = {0}, other[KEYED_HASH_KEY_LEN] = {1};

	cr_assert(ne(u64, keyed_hash("abc", 3, key), keyed_hash("abc", 3, other)));
}
