/* SPDX-License-Identifier: MIT */
/* What no library may open, whatever stands beside it in a batch; see cipher_rig.h. */
#include "crypto/cipher.h"

#include "cipher_rig.h"

TestSuite(cipher_refused, .init = cipher_rig_init, .fini = cipher_rig_fini);

/* A batch of three, of which the middle one is to be spoilt. */
struct trio {
	uint8_t key[KEY_LEN];
	uint8_t text[TEXT_MAX];
	struct slot slots[3];
	struct cipher_job jobs[3];
	uint32_t text_len;
};

static void trio_seal(struct trio *trio, struct test_random *random, uint32_t text_len)
{
	static const uint64_t counters[3] = {UINT64_MAX - 1, 0x8000000100000000, 1};

	test_random_fill(random, trio->key, sizeof trio->key);
	make_text(random, trio->text, text_len);
	trio->text_len = text_len;
	for (unsigned i = 0; i < 3; i++) {
		slot_fill(&trio->slots[i], trio->text, text_len);
		aead_seal(trio->slots[i].data, trio->text, text_len, NULL, 0, counters[i],
		          trio->key);
		trio->jobs[i] = (struct cipher_job){.data = trio->slots[i].data,
		                                    .len = text_len + AEAD_TAG_LEN,
		                                    .is_authentic = i == 1,
		                                    .counter = counters[i]};
	}
}

/* Opens @trio: the middle message is refused and nothing of its text is left, the others are as
 * they were.
 */
static bool only_the_middle_is_refused(const struct trio *trio, struct cipher *cipher)
{
	struct trio copy = *trio;
	const uint8_t *middle = copy.slots[1].data;

	for (unsigned i = 0; i < 3; i++)
		copy.jobs[i].data = copy.slots[i].data;
	if (cipher_open(cipher, copy.key, copy.jobs, 3) != 2 || copy.jobs[1].is_authentic)
		return false;
	for (unsigned i = 0; i < trio->text_len; i++)
		if (middle[i] != 0 && middle[i] != trio->slots[1].data[i])
			return false;
	for (unsigned i = 0; i < 3; i++)
		if (!slot_is_intact(&copy.slots[i], trio->text_len + AEAD_TAG_LEN))
			return false;
	return copy.jobs[0].is_authentic && copy.jobs[2].is_authentic &&
	       !memcmp(copy.slots[0].data, trio->text, trio->text_len) &&
	       !memcmp(copy.slots[2].data, trio->text, trio->text_len);
}

Test(cipher_refused, one_wrong_bit_of_ciphertext_or_tag_is_refused_alone_and_leaves_no_text)
{
	struct test_random random = test_random_seeded("cipher");
	static struct trio trio;

	for (unsigned k = 0; k < SIZE_COUNT; k++) {
		trio_seal(&trio, &random, sizes[k]);
		for (unsigned at = 0; at < sizes[k] + AEAD_TAG_LEN; at++) {
			uint8_t bit = (uint8_t)(1u << test_random_next(&random) % 8);

			trio.slots[1].data[at] ^= bit;
			for (unsigned c = 0; c < cipher_count; c++)
				cr_assert(only_the_middle_is_refused(&trio, ciphers[c]),
				          "size %u, byte %u, library %u", sizes[k], at, c);
			trio.slots[1].data[at] ^= bit;
		}
	}
}

Test(cipher_refused, every_bit_of_the_tag_and_of_the_counter_matters)
{
	struct test_random random = test_random_seeded("cipher");
	static struct trio trio;

	for (unsigned k = 0; k < SIZE_COUNT; k++) {
		uint8_t *tag = trio.slots[1].data + sizes[k];

		trio_seal(&trio, &random, sizes[k]);
		for (unsigned c = 0; c < cipher_count; c++) {
			for (unsigned bit = 0; bit < 8 * AEAD_TAG_LEN; bit++) {
				tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
				cr_assert(only_the_middle_is_refused(&trio, ciphers[c]));
				tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
			for (unsigned bit = 0; bit < 64; bit++) {
				trio.jobs[1].counter ^= 1ull << bit;
				cr_assert(only_the_middle_is_refused(&trio, ciphers[c]));
				trio.jobs[1].counter ^= 1ull << bit;
			}
		}
	}
}

Test(cipher_refused, all_of_a_batch_is_refused_under_another_key)
{
	struct test_random random = test_random_seeded("cipher");
	static struct trio trio;

	for (unsigned c = 0; c < cipher_count; c++)
		for (unsigned bit = 0; bit < 8 * KEY_LEN; bit++) {
			trio_seal(&trio, &random, 100);
			trio.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_assert(eq(uint, cipher_open(ciphers[c], trio.key, trio.jobs, 3), 0));
			for (unsigned i = 0; i < 3; i++)
				cr_assert(not(trio.jobs[i].is_authentic));
		}
}

Test(cipher_refused, messages_shorter_than_a_tag_are_refused_and_not_touched)
{
	struct test_random random = test_random_seeded("cipher");
	static struct trio trio;

	for (unsigned c = 0; c < cipher_count; c++)
		for (uint32_t len = 0; len < AEAD_TAG_LEN; len++) {
			trio_seal(&trio, &random, 0);
			struct slot before = trio.slots[1];

			trio.jobs[1].len = len;
			cr_assert(eq(uint, cipher_open(ciphers[c], trio.key, trio.jobs, 3), 2));
			cr_assert(not(trio.jobs[1].is_authentic));
			cr_assert(trio.jobs[0].is_authentic);
			cr_assert(trio.jobs[2].is_authentic);
			ASSERT_BYTES(&trio.slots[1], &before, sizeof before);
		}
}

Test(cipher_refused, cut_messages_are_refused)
{
	struct test_random random = test_random_seeded("cipher");
	static struct trio trio;

	for (unsigned c = 0; c < cipher_count; c++)
		for (uint32_t len = AEAD_TAG_LEN; len < 100 + AEAD_TAG_LEN; len++) {
			trio_seal(&trio, &random, 100);
			trio.jobs[1].len = len;
			cr_assert(eq(uint, cipher_open(ciphers[c], trio.key, trio.jobs, 3), 2));
			cr_assert(not(trio.jobs[1].is_authentic), "length %u", len);
		}
}
