/* SPDX-License-Identifier: MIT */
/* Every library that is there is held against aead.h and against the others. Without intel-ipsec-mb
 * one test is skipped and says so; see cipher_rig.h.
 */
#include "crypto/cipher.h"

#include <errno.h>
#include <stdalign.h>

#include "../emulation.h"
#include "cipher_rig.h"

#define BATCH_MAX 64u

TestSuite(cipher, .init = cipher_rig_init, .fini = cipher_rig_fini);

Test(cipher, libraries_have_the_names_of_the_configuration)
{
	cr_expect(eq(str, (char *)cipher_library_name(CIPHER_AUTO), (char *)"auto"));
	cr_expect(eq(str, (char *)cipher_library_name(CIPHER_SODIUM), (char *)"sodium"));
	cr_expect(eq(str, (char *)cipher_library_name(CIPHER_IPSEC_MB), (char *)"ipsec-mb"));
}

static bool is_ipsec_mb_expected(void)
{
#ifdef HAVE_IPSEC_MB
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
	return false;
#endif
}

Test(cipher, ipsec_mb_is_available_when_built_in_and_the_cpu_has_avx2)
{
	cr_expect(cipher_is_available(CIPHER_AUTO));
	cr_expect(cipher_is_available(CIPHER_SODIUM));
	cr_expect(eq(int, cipher_is_available(CIPHER_IPSEC_MB), is_ipsec_mb_expected()));
	cr_expect(eq(ptr, cipher_create(CIPHER_AUTO), NULL));
}

Test(cipher, choice_takes_what_is_wanted_and_auto_the_fastest)
{
	enum cipher_library chosen = CIPHER_AUTO;

	cr_assert(eq(int, cipher_choose(CIPHER_SODIUM, &chosen), 0));
	cr_expect(eq(int, chosen, CIPHER_SODIUM));
	cr_assert(eq(int, cipher_choose(CIPHER_AUTO, &chosen), 0));
	cr_expect(eq(int, chosen, cipher_count > 1 ? CIPHER_IPSEC_MB : CIPHER_SODIUM));
}

Test(cipher, ipsec_mb_is_chosen_when_wanted_and_not_supported_when_not_there)
{
	enum cipher_library chosen = CIPHER_AUTO;
	int outcome = cipher_choose(CIPHER_IPSEC_MB, &chosen);

	if (cipher_count == 1) {
		cr_assert(eq(int, outcome, -ENOTSUP));
		cr_assert(eq(int, chosen, CIPHER_AUTO), "untouched on failure");
		cr_skip("no ipsec-mb in this build or for this CPU: libsodium alone is tested");
	}
	cr_assert(eq(int, outcome, 0));
	cr_assert(eq(int, chosen, CIPHER_IPSEC_MB));
}

/* One batch of 2001 messages, far more than any library's ring holds. */
Test(cipher, every_length_gives_the_bytes_of_aead_and_writes_no_other)
{
	struct test_random random = test_random_seeded("cipher");
	const unsigned len = TEXT_MAX + 1;
	struct slot *slots = calloc(len, sizeof *slots);
	struct cipher_job *jobs = calloc(len, sizeof *jobs);
	uint8_t key[KEY_LEN], text[TEXT_MAX], want[TEXT_MAX + AEAD_TAG_LEN];
	uint64_t first = test_random_next(&random);

	test_random_fill(&random, key, sizeof key);
	make_text(&random, text, sizeof text);
	for (unsigned c = 0; c < cipher_count; c++) {
		for (unsigned i = 0; i < len; i++) {
			slot_fill(&slots[i], text, i);
			jobs[i] = (struct cipher_job){
				.data = slots[i].data, .len = i, .counter = first * (i + 1)};
		}
		cipher_seal(ciphers[c], key, jobs, len);
		for (unsigned i = 0; i < len; i++) {
			aead_seal(want, text, i, NULL, 0, jobs[i].counter, key);
			ASSERT_BYTES(slots[i].data, want, i + AEAD_TAG_LEN);
			cr_assert(slot_is_intact(&slots[i], i + AEAD_TAG_LEN), "length %u", i);
			jobs[i].len += AEAD_TAG_LEN;
		}
		cr_assert(eq(uint, cipher_open(ciphers[c], key, jobs, len), len));
		for (unsigned i = 0; i < len; i++) {
			cr_assert(jobs[i].is_authentic, "length %u", i);
			cr_assert(eq(u32, jobs[i].len, i + AEAD_TAG_LEN));
			ASSERT_BYTES(slots[i].data, text, i);
			cr_assert(slot_is_intact(&slots[i], i + AEAD_TAG_LEN), "length %u", i);
		}
	}
	free(jobs);
	free(slots);
}

Test(cipher, what_one_library_seals_aead_opens)
{
	struct test_random random = test_random_seeded("cipher");
	uint8_t key[KEY_LEN], text[TEXT_MAX];
	struct slot slot;

	test_random_fill(&random, key, sizeof key);
	make_text(&random, text, sizeof text);
	for (unsigned c = 0; c < cipher_count; c++)
		for (uint32_t len = 0; len <= TEXT_MAX; len++) {
			struct cipher_job job = {.data = slot.data,
			                         .len = len,
			                         .counter = test_random_next(&random)};

			slot_fill(&slot, text, len);
			cipher_seal(ciphers[c], key, &job, 1);
			cr_assert(aead_open(slot.data, slot.data, len + AEAD_TAG_LEN, NULL, 0,
			                    job.counter, key));
			ASSERT_BYTES(slot.data, text, len);
		}
}

/* A batch of random lengths, once for each library. */
struct round {
	const uint8_t *text[BATCH_MAX];
	struct cipher_job jobs[2][BATCH_MAX];
	struct slot slots[2][BATCH_MAX];
	uint8_t key[KEY_LEN];
	unsigned len;
};

#define POOL_LEN (1u << 16) /* texts are cut from it */

static void round_fill(struct round *round, struct test_random *random,
                       const uint8_t pool[static POOL_LEN])
{
	uint64_t counter = test_random_next(random);

	test_random_fill(random, round->key, sizeof round->key);
	for (unsigned i = 0; i < round->len; i++) {
		uint64_t draw = test_random_next(random);
		uint32_t len = (uint32_t)(draw % (TEXT_MAX + 1));

		round->text[i] = pool + (draw >> 32) % (POOL_LEN - TEXT_MAX);
		for (unsigned c = 0; c < cipher_count; c++) {
			uint8_t *data = round->slots[c][i].data;

			memcpy(data, round->text[i], len);
			memset(data + len + AEAD_TAG_LEN, GUARD_BYTE, AEAD_TAG_LEN);
			round->jobs[c][i] = (struct cipher_job){
				.data = data, .len = len, .counter = counter + i};
		}
	}
}

/* Seals by each library, compares, and lets each open what the other sealed. */
static bool round_agrees(struct round *round)
{
	static const uint8_t guard[AEAD_TAG_LEN] = {[0 ... AEAD_TAG_LEN - 1] = GUARD_BYTE};
	struct cipher_job *ours = round->jobs[0], *theirs = round->jobs[cipher_count - 1];

	for (unsigned c = 0; c < cipher_count; c++)
		cipher_seal(ciphers[c], round->key, round->jobs[c], round->len);
	for (unsigned i = 0; i < round->len; i++) {
		size_t sealed_len = ours[i].len + AEAD_TAG_LEN;

		if (memcmp(ours[i].data, theirs[i].data, sealed_len) ||
		    memcmp(theirs[i].data + sealed_len, guard, sizeof guard))
			return false;
		for (unsigned c = 0; c < cipher_count; c++)
			round->jobs[c][i].len = (uint32_t)sealed_len;
	}
	for (unsigned c = 0; c < cipher_count; c++)
		if (cipher_open(ciphers[c], round->key, round->jobs[cipher_count - 1 - c],
		                round->len) != round->len)
			return false;
	for (unsigned i = 0; i < round->len; i++)
		if (memcmp(ours[i].data, round->text[i], ours[i].len - AEAD_TAG_LEN) ||
		    memcmp(theirs[i].data, round->text[i], theirs[i].len - AEAD_TAG_LEN))
			return false;
	return true;
}

Test(cipher, libraries_agree_on_a_million_random_packets_in_random_batches)
{
	static uint8_t pool[POOL_LEN];
	static struct round round;
	struct test_random random = test_random_seeded("cipher");
	unsigned left = fewer_emulated(1000000);

	test_random_fill(&random, pool, sizeof pool);
	while (left) {
		round.len = 1 + test_random_next(&random) % BATCH_MAX;
		if (round.len > left)
			round.len = left;
		round_fill(&round, &random, pool);
		cr_assert(round_agrees(&round), "with %u packets left", left);
		left -= round.len;
	}
}

Test(cipher, data_and_key_may_have_any_alignment)
{
	struct test_random random = test_random_seeded("cipher");
	alignas(64) uint8_t data[TEXT_MAX], keys[KEY_LEN + 16];
	uint8_t text[TEXT_MAX], want[TEXT_MAX];

	test_random_fill(&random, keys, sizeof keys);
	make_text(&random, text, sizeof text);
	for (unsigned c = 0; c < cipher_count; c++)
		for (unsigned offset = 0; offset < 16; offset++)
			for (unsigned k = 0; k < SIZE_COUNT; k++) {
				const uint8_t *key = keys + (offset + k) % 16;
				struct cipher_job job = {
					.data = data + offset, .len = sizes[k], .counter = k};

				memset(data, GUARD_BYTE, sizeof data);
				memset(want, GUARD_BYTE, sizeof want);
				memcpy(job.data, text, sizes[k]);
				aead_seal(want + offset, text, sizes[k], NULL, 0, k, key);
				cipher_seal(ciphers[c], key, &job, 1);
				ASSERT_BYTES(data, want, sizeof data);
				job.len += AEAD_TAG_LEN;
				cr_assert(eq(uint, cipher_open(ciphers[c], key, &job, 1), 1));
				ASSERT_BYTES(job.data, text, sizes[k]);
			}
}

Test(cipher, empty_batches_and_no_cipher_are_allowed)
{
	uint8_t key[KEY_LEN] = {0};

	for (unsigned c = 0; c < cipher_count; c++) {
		cipher_seal(ciphers[c], key, NULL, 0);
		cr_expect(eq(uint, cipher_open(ciphers[c], key, NULL, 0), 0));
	}
	cipher_destroy(NULL);
}

/* The largest inner MTU there is. */
Test(cipher, messages_of_64_kib_are_right)
{
	struct test_random random = test_random_seeded("cipher");
	const uint32_t len = 65535;
	uint8_t *text = malloc(len), *want = malloc(len + AEAD_TAG_LEN);
	uint8_t *data = malloc(len + AEAD_TAG_LEN), key[KEY_LEN];

	test_random_fill(&random, key, sizeof key);
	test_random_fill(&random, text, len);
	aead_seal(want, text, len, NULL, 0, 7, key);
	for (unsigned c = 0; c < cipher_count; c++) {
		struct cipher_job job = {.data = data, .len = len, .counter = 7};

		memcpy(data, text, len);
		cipher_seal(ciphers[c], key, &job, 1);
		cr_expect(zero(int, memcmp(data, want, len + AEAD_TAG_LEN)));
		job.len += AEAD_TAG_LEN;
		cr_expect(eq(uint, cipher_open(ciphers[c], key, &job, 1), 1));
		cr_expect(zero(int, memcmp(data, text, len)));
	}
	free(data);
	free(want);
	free(text);
}
