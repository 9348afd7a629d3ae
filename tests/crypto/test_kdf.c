/* SPDX-License-Identifier: MIT */
#include "crypto/kdf.h"

#include "../bytes_rig.h"
#include "crypto/blake2s.h"
#include "crypto/init.h"

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(kdf, .init = init);

/* Computed with CPython's hmac: chain 40 41 .. 5f, input 00 01 02 .. of that length. */
static const struct {
	size_t len;
	const char *t[3];
} vectors[] = {
	{0,
         {"78eea5e4bfedc2e792dc08620303ca6266f1fd18fab37c848ab8e97d65665f68",
          "b458121cc4faa0a6c9552680d783a1f7ccea37e483bf5a88b990f5ebe26057cc",
          "c76206e40a2876484f43f5329739f74cbefbe29d98b1a5356fce9eebfa01b207"}},
	{1,
         {"2a8b75b9f6bd220068df290dcdc25ed9bc69c0130979a85e96c034c79ba80ac2",
          "735e9d3d2884df642287d0cfd222c7c8c705502a04a69691cace5064bd9ee89b",
          "01dc2f2322f9da1bc65efaa203211e22a8bcb4f8e3f0536cdc966fabcd22ebd4"}},
	{32,
         {"80e3d48a5fe8cf14fa3c9a3d93f535f53bd6eef10e1e4ed8eeaf6ec348754c05",
          "72d2186ceabcf70c9d50862305ad039d8587327f2ab804e6fc124c055f455c20",
          "27f2fbafe44d654400fa1b6e168221068777c0bef992c1738ecf0a2e8bf4b7fa"}},
	{33,
         {"7ab3a1d5087e7591045e62e1e154cadc06b121cf2004164cc9e243ef1eec9087",
          "d92ac086dda82d2ce10779bdc9b810dee719ab9fc7b4e567efd4b50c86099038",
          "90a6a44bd8bfd1c4750d1a15fa29506b18d35958f4bfe1ffc332bacfc21e023f"}},
	{200,
         {"d4dae314ccbb7aa849eeefc29b8c241b21dbc4060ebbbbcb0aba764528bbd91d",
          "2ce401e887dba43e243aa0f8946334e3bea55796bfc782146ab4c0b2524bcfc6",
          "b3316022620c303d39efb1d639bde5e3cb882cdcad2a7d6156ba432d537af39b"}},
};

/* The input of a vector and the chain all of them share. */
static void fill(uint8_t chain[HASH_LEN], uint8_t input[200])
{
	for (unsigned i = 0; i < 200; i++) {
		input[i] = (uint8_t)i;
		if (i < HASH_LEN)
			chain[i] = (uint8_t)(0x40 + i);
	}
}

/* Asks for @n outputs; those beyond must stay as they were. */
static void check_outputs(size_t vector, unsigned n)
{
	uint8_t chain[HASH_LEN], input[200], want[HASH_LEN], t[3][HASH_LEN];

	fill(chain, input);
	memset(t, 0xa5, sizeof t);
	kdf(chain, input, vectors[vector].len, t[0], n > 1 ? t[1] : NULL, n > 2 ? t[2] : NULL);
	for (unsigned i = 0; i < 3; i++) {
		memset(want, 0xa5, sizeof want);
		if (i < n)
			bytes_from_hex(want, vectors[vector].t[i]);
		ASSERT_BYTES(t[i], want, HASH_LEN);
	}
}

Test(kdf, one_two_and_three_outputs_are_those_of_the_vectors)
{
	for (size_t vector = 0; vector < sizeof vectors / sizeof *vectors; vector++)
		for (unsigned n = 1; n <= 3; n++)
			check_outputs(vector, n);
}

/* Whitepaper 5.4: t0 = HMAC(chain, input), t1 = HMAC(t0, 1), t2 = HMAC(t0, t1 || 2), .. */
Test(kdf, outputs_are_the_chain_of_hmacs_of_the_whitepaper)
{
	struct test_random random = test_random_seeded("kdf");
	uint8_t chain[HASH_LEN], input[300], extracted[HASH_LEN], text[HASH_LEN + 1];
	uint8_t got[3][HASH_LEN], want[3][HASH_LEN];

	for (unsigned round = 0; round < 200; round++) {
		size_t len = test_random_next(&random) % sizeof input;

		test_random_fill(&random, chain, sizeof chain);
		test_random_fill(&random, input, len);
		blake2s_hmac(extracted, chain, HASH_LEN, input, len);
		blake2s_hmac(want[0], extracted, HASH_LEN, "\1", 1);
		for (unsigned i = 1; i < 3; i++) {
			memcpy(text, want[i - 1], HASH_LEN);
			text[HASH_LEN] = (uint8_t)(i + 1);
			blake2s_hmac(want[i], extracted, HASH_LEN, text, sizeof text);
		}
		kdf(chain, input, len, got[0], got[1], got[2]);
		ASSERT_BYTES(got, want, sizeof want);
	}
}

Test(kdf, any_output_may_be_the_chain)
{
	uint8_t chain[HASH_LEN], input[200], t[3][HASH_LEN], want[HASH_LEN];

	for (unsigned i = 0; i < 3; i++) {
		fill(chain, input);
		bytes_from_hex(want, vectors[2].t[i]);
		kdf(chain, input, vectors[2].len, i == 0 ? chain : t[0], i == 1 ? chain : t[1],
		    i == 2 ? chain : t[2]);
		ASSERT_BYTES(chain, want, HASH_LEN);
	}
}
