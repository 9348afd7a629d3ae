/* SPDX-License-Identifier: MIT */
/* cipher_job.h - the words that cipher.h shares with the libraries behind it: which one, what
 * message.
 */
#ifndef CRYPTO_CIPHER_JOB_H
#define CRYPTO_CIPHER_JOB_H

#include <stdbool.h>
#include <stdint.h>

enum cipher_library {
	CIPHER_AUTO, /* the fastest that is available */
	CIPHER_SODIUM,
	CIPHER_IPSEC_MB,
};

/* One message, handled in place. */
struct cipher_job {
	uint8_t *data;     /* of any alignment; sealing writes AEAD_TAG_LEN bytes more than @len */
	uint32_t len;      /* bytes of plaintext to seal, or of ciphertext and tag to open */
	bool is_authentic; /* result of opening */
	uint64_t counter;  /* of the nonce; never twice under one key when sealing */
};

#endif
