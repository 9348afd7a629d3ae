/* SPDX-License-Identifier: MIT */
#include "crypto/cipher_choice.h"

#include <errno.h>
#include <string.h>

#include "crypto/aead.h"
#include "crypto/cipher_backend.h"

#define ANSWER_MAX 1500u /* bytes of plaintext: more than a packet of 1500 bytes can carry */
#define SEALED_MAX (ANSWER_MAX + AEAD_TAG_LEN)

/* Lengths around the blocks of 16 and 64 bytes, and what fills a packet of 1500 bytes. */
static const uint16_t batch_lens[] = {0, 1, 15, 16, 17, 63, 64, 65, 255, 1420};
#define BATCH_LEN (sizeof batch_lens / sizeof *batch_lens)

static const uint8_t answer_key[KEY_LEN] = {
	0x1c, 0x92, 0x40, 0xa5, 0xeb, 0x55, 0xd3, 0x8a, 0xf3, 0x33, 0x88,
	0x86, 0x04, 0xf6, 0xb5, 0xf0, 0x47, 0x39, 0x17, 0xc1, 0x40, 0x2b,
	0x80, 0x09, 0x9d, 0xca, 0x5c, 0xbc, 0x20, 0x70, 0x75, 0xc0,
};

/* Seals one message in place and opens it again; true when both give what is expected. */
static bool gives(struct cipher *cipher, const uint8_t *text, const uint8_t *sealed, uint32_t len,
                  uint64_t counter)
{
	uint8_t data[SEALED_MAX];
	struct cipher_job job = {.data = data, .len = len, .counter = counter};

	memcpy(data, text, len);
	cipher->backend->seal(cipher, answer_key, &job, 1);
	if (memcmp(data, sealed, len + AEAD_TAG_LEN) != 0)
		return false;
	job.len += AEAD_TAG_LEN;
	return cipher->backend->open(cipher, answer_key, &job, 1) == 1 && job.is_authentic &&
	       memcmp(data, text, len) == 0;
}

/* RFC 8439, appendix A.5: key, nonce and the first 69 bytes of plaintext and ciphertext. The RFC
 * has no vector without additional data, so the tag was computed with OpenSSL and again with
 * libsodium.
 */
static bool vector_is_right(struct cipher *cipher)
{
	static const char text[] =
		"Internet-Drafts are draft documents valid for a maximum of six months";
	static const uint8_t sealed[] = {
		0x64, 0xa0, 0x86, 0x15, 0x75, 0x86, 0x1a, 0xf4, 0x60, 0xf0, 0x62, 0xc7, 0x9b,
		0xe6, 0x43, 0xbd, 0x5e, 0x80, 0x5c, 0xfd, 0x34, 0x5c, 0xf3, 0x89, 0xf1, 0x08,
		0x67, 0x0a, 0xc7, 0x6c, 0x8c, 0xb2, 0x4c, 0x6c, 0xfc, 0x18, 0x75, 0x5d, 0x43,
		0xee, 0xa0, 0x9e, 0xe9, 0x4e, 0x38, 0x2d, 0x26, 0xb0, 0xbd, 0xb7, 0xb7, 0x3c,
		0x32, 0x1b, 0x01, 0x00, 0xd4, 0xf0, 0x3b, 0x7f, 0x35, 0x58, 0x94, 0xcf, 0x33,
		0x2f, 0x83, 0x0e, 0x71, 0xb6, 0xe8, 0x73, 0xc7, 0xd7, 0xa2, 0xa2, 0x9c, 0x09,
		0x91, 0x10, 0x27, 0x44, 0xdc, 0xbe, 0x5b,
	};

	return gives(cipher, (const uint8_t *)text, sealed, sizeof text - 1, 0x0807060504030201);
}

/* Every length against aead.h, whose answers crypto_init() has checked. */
static bool lengths_are_right(struct cipher *cipher, const uint8_t text[static ANSWER_MAX])
{
	uint8_t sealed[SEALED_MAX];

	for (uint32_t len = 0; len <= ANSWER_MAX; len++) {
		uint64_t counter = len * 0x0100000001000001ull; /* reaches all its bytes */

		aead_seal(sealed, text, len, NULL, 0, counter, answer_key);
		if (!gives(cipher, text, sealed, len, counter))
			return false;
	}
	return true;
}

/* True when the opened batch is the text, but for the message at @forged, which is refused and
 * holds none of it.
 */
static bool batch_is_right(const struct cipher_job jobs[static BATCH_LEN], unsigned forged,
                           const uint8_t text[static ANSWER_MAX])
{
	for (unsigned i = 0; i < BATCH_LEN; i++) {
		bool is_text = memcmp(jobs[i].data, text, batch_lens[i]) == 0;

		if (jobs[i].is_authentic == (i == forged))
			return false;
		if (i == forged ? is_text && batch_lens[i] : !is_text)
			return false;
	}
	return true;
}

/* One wrong bit in one tag of a batch, each message in turn. */
static bool forgeries_are_found(struct cipher *cipher, const uint8_t text[static ANSWER_MAX])
{
	uint8_t data[BATCH_LEN][SEALED_MAX];
	struct cipher_job jobs[BATCH_LEN];

	for (unsigned forged = 0; forged < BATCH_LEN; forged++) {
		for (unsigned i = 0; i < BATCH_LEN; i++) {
			memcpy(data[i], text, batch_lens[i]);
			jobs[i] = (struct cipher_job){
				.data = data[i], .len = batch_lens[i], .counter = i};
		}
		cipher->backend->seal(cipher, answer_key, jobs, BATCH_LEN);
		for (unsigned i = 0; i < BATCH_LEN; i++)
			jobs[i].len += AEAD_TAG_LEN;
		data[forged][batch_lens[forged] + forged % AEAD_TAG_LEN] ^= 1;
		if (cipher->backend->open(cipher, answer_key, jobs, BATCH_LEN) != BATCH_LEN - 1 ||
		    !batch_is_right(jobs, forged, text))
			return false;
	}
	return true;
}

static bool answers_are_right(struct cipher *cipher)
{
	uint8_t text[ANSWER_MAX];

	for (unsigned i = 0; i < ANSWER_MAX; i++)
		text[i] = (uint8_t)(i * 7 + i / 256 + 1);
	return vector_is_right(cipher) && lengths_are_right(cipher, text) &&
	       forgeries_are_found(cipher, text);
}

static int try_source(const struct cipher_source *source)
{
	struct cipher *cipher = source->create();

	if (!cipher)
		return -ENOTSUP;
	int err = answers_are_right(cipher) ? 0 : -EIO;
	cipher->backend->destroy(cipher);
	return err;
}

int cipher_choose_from(const struct cipher_source *from, unsigned len, enum cipher_library wanted,
                       enum cipher_library *ret)
{
	int err = -ENOTSUP;

	for (unsigned i = 0; i < len; i++) {
		if (wanted != CIPHER_AUTO && wanted != from[i].id)
			continue;
		err = try_source(&from[i]);
		if (!err) {
			*ret = from[i].id;
			return 0;
		}
	}
	return err;
}
