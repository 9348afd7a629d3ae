/* SPDX-License-Identifier: MIT */
#include "crypto/cipher_choice.h"

#include <errno.h>

#include "../bytes_rig.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/cipher_backend.h"
#include "crypto/init.h"

#define TEXT_MAX 2000u /* more than the known answers have */

static struct cipher *sodium;

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	sodium = cipher_create(CIPHER_SODIUM);
}

TestSuite(cipher_choice, .init = init);

/* Libraries that are wrong in one way each: libsodium with a fault before or after its work. */
static enum fault {
	FAULT_NONE,
	FAULT_SEALED_BYTE,  /* one bit of ciphertext at one length */
	FAULT_TAG,          /* one bit of a tag at one length */
	FAULT_COUNTER,      /* the counter's upper half is ignored */
	FAULT_OPENED_BYTE,  /* one bit of plaintext at one length */
	FAULT_NEVER_OPENS,  /* what is authentic is refused at one length */
	FAULT_ALWAYS_OPENS, /* what is forged is accepted */
	FAULT_REFUSES_ALL,  /* one forgery spoils its batch */
	FAULT_WRONG_NUMBER, /* the flags are right, the number is not */
	FAULT_LEAVES_TEXT,  /* a forgery is flagged but decrypted */
	FAULT_COUNT,
} fault;

#define FAULTY_LEN 1025u

static void faulty_seal(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                        const struct cipher_job *jobs, unsigned len)
{
	(void)cipher;
	for (unsigned i = 0; i < len; i++) {
		struct cipher_job job = jobs[i];

		if (fault == FAULT_COUNTER)
			job.counter &= UINT32_MAX;
		cipher_seal(sodium, key, &job, 1);
		if (fault == FAULT_SEALED_BYTE && job.len == FAULTY_LEN)
			job.data[FAULTY_LEN - 1] ^= 0x80;
		if (fault == FAULT_TAG && job.len == FAULTY_LEN)
			job.data[FAULTY_LEN + AEAD_TAG_LEN - 1] ^= 1;
	}
}

static unsigned faulty_open(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                            struct cipher_job *jobs, unsigned len)
{
	uint8_t sealed[TEXT_MAX];
	unsigned authentic = 0;

	(void)cipher;
	for (unsigned i = 0; i < len; i++) {
		struct cipher_job *job = &jobs[i];
		uint32_t text_len = job->len - AEAD_TAG_LEN;

		memcpy(sealed, job->data, text_len);
		if (fault == FAULT_COUNTER)
			job->counter &= UINT32_MAX;
		cipher_open(sodium, key, job, 1);
		if (fault == FAULT_OPENED_BYTE && text_len == FAULTY_LEN)
			job->data[0] ^= 1;
		if (fault == FAULT_NEVER_OPENS && text_len == FAULTY_LEN)
			job->is_authentic = false;
		if (fault == FAULT_LEAVES_TEXT && !job->is_authentic) {
			/* the keystream: what sealing makes of the ciphertext */
			uint8_t text[TEXT_MAX + AEAD_TAG_LEN];

			aead_seal(text, sealed, text_len, NULL, 0, job->counter, key);
			memcpy(job->data, text, text_len);
		}
		job->is_authentic |= fault == FAULT_ALWAYS_OPENS;
		authentic += job->is_authentic;
	}
	for (unsigned i = 0; fault == FAULT_REFUSES_ALL && authentic < len && i < len; i++)
		jobs[i].is_authentic = false;
	return fault == FAULT_WRONG_NUMBER ? len : authentic;
}

static void faulty_destroy(struct cipher *cipher)
{
	(void)cipher;
}

static struct cipher *faulty_create(void)
{
	static const struct cipher_backend backend = {
		.seal = faulty_seal, .open = faulty_open, .destroy = faulty_destroy};
	static struct cipher cipher = {.backend = &backend};

	return &cipher;
}

static struct cipher *create_sodium(void)
{
	return cipher_create(CIPHER_SODIUM);
}

static struct cipher *create_none(void)
{
	return NULL;
}

Test(cipher_choice, a_library_with_wrong_answers_is_refused_and_passed_over_by_auto)
{
	const struct cipher_source sources[] = {
		{CIPHER_IPSEC_MB, faulty_create},
		{CIPHER_SODIUM, create_sodium},
	};

	for (fault = FAULT_NONE; fault < FAULT_COUNT; fault++) {
		enum cipher_library chosen = CIPHER_AUTO;
		int outcome = fault == FAULT_NONE ? 0 : -EIO;

		cr_expect(
			eq(int, cipher_choose_from(sources, 2, CIPHER_IPSEC_MB, &chosen), outcome),
			"fault %d", fault);
		cr_expect(eq(int, chosen, fault == FAULT_NONE ? CIPHER_IPSEC_MB : CIPHER_AUTO));
		cr_expect(eq(int, cipher_choose_from(sources, 2, CIPHER_AUTO, &chosen), 0));
		cr_expect(eq(int, chosen, fault == FAULT_NONE ? CIPHER_IPSEC_MB : CIPHER_SODIUM),
		          "fault %d", fault);
		cr_expect(eq(int, cipher_choose_from(sources, 1, CIPHER_AUTO, &chosen), outcome));
	}
}

Test(cipher_choice, a_library_that_is_not_there_is_not_supported_and_passed_over_by_auto)
{
	const struct cipher_source sources[] = {
		{CIPHER_IPSEC_MB, create_none},
		{CIPHER_SODIUM, create_sodium},
	};
	enum cipher_library chosen = CIPHER_AUTO;

	cr_expect(eq(int, cipher_choose_from(sources, 2, CIPHER_IPSEC_MB, &chosen), -ENOTSUP));
	cr_expect(eq(int, cipher_choose_from(sources + 1, 1, CIPHER_IPSEC_MB, &chosen), -ENOTSUP));
	cr_expect(eq(int, cipher_choose_from(sources, 1, CIPHER_AUTO, &chosen), -ENOTSUP));
	cr_expect(eq(int, chosen, CIPHER_AUTO), "untouched on failure");
	cr_expect(eq(int, cipher_choose_from(sources, 2, CIPHER_AUTO, &chosen), 0));
	cr_expect(eq(int, chosen, CIPHER_SODIUM));
}
