/* SPDX-License-Identifier: MIT */
/* Every library that is there is held against aead.h and against the others. Without intel-ipsec-mb
 * (not built in, or a CPU too old) one test is skipped and says so, the others hold for libsodium
 * alone.
 */
#include "crypto/cipher.h"

#include <errno.h>
#include <stdalign.h>

#include "../emulation.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "test_bytes.h"

#define TEXT_MAX   2000u
#define BATCH_MAX  64u
#define GUARD_LEN  64u
#define GUARD_BYTE 0xa5

static struct cipher *ciphers[2]; /* libsodium always comes first */
static unsigned cipher_count;

static void add_cipher(enum cipher_library library)
{
	ciphers[cipher_count] = cipher_create(library);
	cr_assert(ne(ptr, ciphers[cipher_count], NULL), "%s", cipher_library_name(library));
	cipher_count++;
}

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	add_cipher(CIPHER_SODIUM);
	if (cipher_is_available(CIPHER_IPSEC_MB))
		add_cipher(CIPHER_IPSEC_MB);
}

static void fini(void)
{
	while (cipher_count)
		cipher_destroy(ciphers[--cipher_count]);
}

TestSuite(cipher, .init = init, .fini = fini);

/* A message with room for its tag between two guards. */
struct slot {
	uint8_t before[GUARD_LEN];
	uint8_t data[TEXT_MAX + AEAD_TAG_LEN + GUARD_LEN];
};

static void slot_fill(struct slot *slot, const uint8_t *text, size_t len)
{
	memset(slot, GUARD_BYTE, sizeof *slot);
	memcpy(slot->data, text, len);
}

/* Nothing but the first @len bytes was written to. */
static bool slot_is_intact(const struct slot *slot, size_t len)
{
	for (size_t i = 0; i < sizeof slot->before; i++)
		if (slot->before[i] != GUARD_BYTE)
			return false;
	for (size_t i = len; i < sizeof slot->data; i++)
		if (slot->data[i] != GUARD_BYTE)
			return false;
	return true;
}

/* No byte of a text is zero or has its high bit: neither a wiped byte nor a guard looks like one.
 */
static void make_text(struct test_random *random, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(1 + test_random_next(random) % 127);
}

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

static const uint32_t sizes[] = {0,   1,   15,  16,  17,  31,  32,  33,   63,   64,  65,
                                 127, 128, 129, 255, 256, 257, 512, 1023, 1024, 1420};
#define SIZE_COUNT (sizeof sizes / sizeof *sizes)

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

Test(cipher, one_wrong_bit_of_ciphertext_or_tag_is_refused_alone_and_leaves_no_text)
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

Test(cipher, every_bit_of_the_tag_and_of_the_counter_matters)
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

Test(cipher, all_of_a_batch_is_refused_under_another_key)
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

Test(cipher, messages_shorter_than_a_tag_are_refused_and_not_touched)
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

Test(cipher, cut_messages_are_refused)
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
