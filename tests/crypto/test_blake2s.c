/* SPDX-License-Identifier: MIT */
#include "crypto/blake2s.h"

#include "../bytes_rig.h"
#include "base/bytes.h"
#include "crypto/init.h"

#define INPUT_MAX 1100u
#define BLOCK_LEN 64u

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(blake2s, .init = init);

/* The oracle: BLAKE2s from RFC 7693, sections 2 and 3, with the whole input in one buffer. */

static const uint32_t oracle_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Section 2.7: a row per round, a hexadecimal digit per message word. */
static const char *const oracle_sigma[10] = {
	"0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8",
	"905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a",
	"6fe9b308c2d714a5", "a2847615fb9e3cd0",
};

/* Section 3.1: the four words of each call of G, first columns, then diagonals. */
static const uint8_t oracle_mix[8][4] = {
	{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
	{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14},
};

static uint32_t oracle_rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void oracle_g(uint32_t v[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]];

	*a += *b + x;
	*d = oracle_rotate(*d ^ *a, 16);
	*c += *d;
	*b = oracle_rotate(*b ^ *c, 12);
	*a += *b + y;
	*d = oracle_rotate(*d ^ *a, 8);
	*c += *d;
	*b = oracle_rotate(*b ^ *c, 7);
}

static void oracle_compress(uint32_t h[8], const uint8_t block[BLOCK_LEN], uint64_t count,
                            bool is_last)
{
	uint32_t v[16];

	memcpy(v, h, 32);
	memcpy(v + 8, oracle_iv, 32);
	v[12] ^= (uint32_t)count;
	v[13] ^= (uint32_t)(count >> 32);
	if (is_last)
		v[14] = ~v[14];
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 8; i++) {
			uint8_t x, y;
			char digits[3] = {oracle_sigma[round][2 * i], '\0'};

			x = (uint8_t)strtoul(digits, NULL, 16);
			digits[0] = oracle_sigma[round][2 * i + 1];
			y = (uint8_t)strtoul(digits, NULL, 16);
			oracle_g(v, oracle_mix[i], load_le32(block + 4 * x),
			         load_le32(block + 4 * y));
		}
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

/* Section 3.3. */
static void oracle(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
                   const uint8_t *data, size_t len)
{
	uint8_t padded[BLOCK_LEN + INPUT_MAX + BLOCK_LEN] = {0}, words[32];
	size_t before = key_len > 0 ? BLOCK_LEN : 0, total = before + len, at = 0;
	uint32_t h[8];

	memcpy(h, oracle_iv, sizeof h);
	h[0] ^= 0x01010000 ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len;
	if (key_len > 0)
		memcpy(padded, key, key_len);
	if (len > 0)
		memcpy(padded + before, data, len);
	for (; at + BLOCK_LEN < total; at += BLOCK_LEN)
		oracle_compress(h, padded + at, at + BLOCK_LEN, false);
	oracle_compress(h, padded + at, total, true);
	for (unsigned i = 0; i < 8; i++)
		store_le32(words + 4 * i, h[i]);
	memcpy(out, words, out_len);
}

static void oracle_hmac(uint8_t out[HASH_LEN], const uint8_t *key, size_t key_len,
                        const uint8_t *data, size_t len)
{
	uint8_t text[BLOCK_LEN + INPUT_MAX] = {0}, inner[BLOCK_LEN + HASH_LEN] = {0};

	memcpy(text, key, key_len);
	memcpy(inner, key, key_len);
	for (unsigned i = 0; i < BLOCK_LEN; i++) {
		text[i] ^= 0x36;
		inner[i] ^= 0x5c;
	}
	memcpy(text + BLOCK_LEN, data, len);
	oracle(inner + BLOCK_LEN, HASH_LEN, NULL, 0, text, BLOCK_LEN + len);
	oracle(out, HASH_LEN, NULL, 0, inner, sizeof inner);
}

/* RFC 7693, appendix E: input of any length made from a number. */
static void selftest_sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

/* The appendix hashes every hash, of four lengths and keyed or not; so this is the oracle's test.
 */
Test(blake2s, oracle_passes_the_self_test_of_rfc_7693)
{
	static const size_t out_lens[] = {16, 20, 28, 32}, in_lens[] = {0, 3, 64, 65, 255, 1024};
	uint8_t all[4 * 6 * 2 * HASH_LEN], in[1024], key[HASH_LEN], out[HASH_LEN], want[HASH_LEN];
	size_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < 6; j++) {
			selftest_sequence(in, in_lens[j], (uint32_t)in_lens[j]);
			oracle(all + n, out_lens[i], NULL, 0, in, in_lens[j]);
			n += out_lens[i];
			selftest_sequence(key, out_lens[i], (uint32_t)out_lens[i]);
			oracle(all + n, out_lens[i], key, out_lens[i], in, in_lens[j]);
			n += out_lens[i];
		}
	}
	cr_assert(le(sz, n, INPUT_MAX + BLOCK_LEN));
	oracle(out, HASH_LEN, NULL, 0, all, n);
	bytes_from_hex(want, "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
	ASSERT_BYTES(out, want, HASH_LEN);
	blake2s_hash(out, all, n, NULL, 0);
	ASSERT_BYTES(out, want, HASH_LEN);
}

Test(blake2s, hash_of_abc_is_that_of_rfc_7693)
{
	uint8_t out[HASH_LEN], want[HASH_LEN];

	bytes_from_hex(want, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	blake2s_hash(out, "abc", 3, NULL, 0);
	ASSERT_BYTES(out, want, HASH_LEN);
	blake2s_hash(out, NULL, 0, "abc", 3);
	ASSERT_BYTES(out, want, HASH_LEN);
	blake2s_hash(out, "a", 1, "bc", 2);
	ASSERT_BYTES(out, want, HASH_LEN);
}

Test(blake2s, every_function_agrees_with_the_oracle)
{
	struct test_random random = test_random_seeded("blake2s");
	uint8_t in[INPUT_MAX - BLOCK_LEN], key[BLOCK_LEN], out[HASH_LEN], want[HASH_LEN];

	for (unsigned i = 0; i < 2000; i++) {
		/* Every length around the first blocks, then any. */
		size_t len = i < 200 ? i : test_random_next(&random) % sizeof in;
		size_t cut = test_random_next(&random) % (len + 1);
		size_t key_len = 1 + test_random_next(&random) % KEY_LEN;
		size_t hmac_key_len = test_random_next(&random) % (BLOCK_LEN + 1);

		test_random_fill(&random, in, len);
		test_random_fill(&random, key, sizeof key);

		oracle(want, HASH_LEN, NULL, 0, in, len);
		blake2s_hash(out, in, cut, in + cut, len - cut);
		ASSERT_BYTES(out, want, HASH_LEN);

		oracle(want, MAC_LEN, key, key_len, in, len);
		blake2s_mac(out, key, key_len, in, len);
		ASSERT_BYTES(out, want, MAC_LEN);

		oracle_hmac(want, key, hmac_key_len, in, len);
		blake2s_hmac(out, key, hmac_key_len, in, len);
		ASSERT_BYTES(out, want, HASH_LEN);
	}
}

Test(blake2s, output_may_be_an_input)
{
	uint8_t a[HASH_LEN], b[HASH_LEN], want[HASH_LEN], out[HASH_LEN];

	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	blake2s_hash(want, a, HASH_LEN, b, HASH_LEN);
	memcpy(out, a, HASH_LEN);
	blake2s_hash(out, out, HASH_LEN, b, HASH_LEN);
	ASSERT_BYTES(out, want, HASH_LEN);
	memcpy(out, b, HASH_LEN);
	blake2s_hash(out, a, HASH_LEN, out, HASH_LEN);
	ASSERT_BYTES(out, want, HASH_LEN);

	blake2s_hmac(want, a, HASH_LEN, b, HASH_LEN);
	memcpy(out, a, HASH_LEN);
	blake2s_hmac(out, out, HASH_LEN, b, HASH_LEN);
	ASSERT_BYTES(out, want, HASH_LEN);
	memcpy(out, b, HASH_LEN);
	blake2s_hmac(out, a, HASH_LEN, out, HASH_LEN);
	ASSERT_BYTES(out, want, HASH_LEN);
}

/* Computed with CPython's hashlib and hmac: input 00 01 02 .., key 80 81 82 .., both modulo 256. */
struct keyed_vector {
	size_t key_len;
	size_t len;
	const char *hex;
};

static const struct keyed_vector mac_vectors[] = {
	{1, 0, "1fa486610fffa2870db2e0b6e320830e"},
	{16, 1, "f3bde0092b9f550c34f142218ebff31f"},
	{32, 64, "aa5d47fb1def7dcf662b7a4b0665cbc1"},
	{32, 65, "93f76a71be04e40f1c2cdb1aeabbd94c"},
	{32, 116, "0bed5c6cdee5d5ace2b1a951b9b35c95"},
	{16, 132, "e1f73c6a42a2852c7c0fa6fee9421c25"},
	{31, 1000, "7f132b76bf1f08becd68f1a36b3a4709"},
};

static const struct keyed_vector hmac_vectors[] = {
	{0, 0, "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd"},
	{1, 0, "7ae9e6d8951c2644b919bdcfb7c7bd47bdadde2a722ab54aab53c06c00e8724b"},
	{32, 1, "f62e76de953091eac99ace0364e25b7a4ebc4ece47dbdf1a336ef40596914492"},
	{32, 32, "7fdc5ab3b5fbd0e813ba3a6266a354865115fd7b96342edcff57a348ab6fab47"},
	{32, 33, "2cf5c9c7d4af6962a6fdba7a916710b7a02faa379570e10581b66d191d9993db"},
	{63, 64, "3637dcc624bd6685242e75e1b716bbe975845ae7a98b3c996c490ec93a246a2b"},
	{64, 0, "c9ac6d0fc8371e248cac4214b8299fdfca36bc69606483e9bc8ce60057592cbf"},
	{64, 65, "fc61930f0f6d3f1de5cfbf13ca9d489fda99e31b1aad05158b0dbe255a510095"},
	{64, 1000, "28777b2e22a12141b3a371583bfc5136f2abd1cd8b3b9b1b3adc33a92012f6d5"},
};

static void count_up(uint8_t *out, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(from + i);
}

Test(blake2s, keyed_modes_give_the_fixed_vectors)
{
	uint8_t in[1000], key[BLOCK_LEN], out[HASH_LEN], want[HASH_LEN];

	count_up(in, sizeof in, 0);
	count_up(key, sizeof key, 0x80);
	for (size_t i = 0; i < sizeof mac_vectors / sizeof *mac_vectors; i++) {
		const struct keyed_vector *v = &mac_vectors[i];

		bytes_from_hex(want, v->hex);
		blake2s_mac(out, key, v->key_len, in, v->len);
		ASSERT_BYTES(out, want, MAC_LEN);
	}
	for (size_t i = 0; i < sizeof hmac_vectors / sizeof *hmac_vectors; i++) {
		const struct keyed_vector *v = &hmac_vectors[i];

		bytes_from_hex(want, v->hex);
		blake2s_hmac(out, key, v->key_len, in, v->len);
		ASSERT_BYTES(out, want, HASH_LEN);
	}
}
