/* SPDX-License-Identifier: MIT */
/* cipher_backend.h - what a library must provide to serve behind cipher.h. Private to the room. */
#ifndef CRYPTO_CIPHER_BACKEND_H
#define CRYPTO_CIPHER_BACKEND_H

#include "crypto/cipher_job.h"
#include "vtrunkd/wire.h"

struct cipher;

/* The calls of cipher.h, which say what they do. */
struct cipher_backend {
	void (*seal)(struct cipher *cipher, const uint8_t key[static KEY_LEN],
	             const struct cipher_job *jobs, unsigned len);
	unsigned (*open)(struct cipher *cipher, const uint8_t key[static KEY_LEN],
	                 struct cipher_job *jobs, unsigned len);
	void (*destroy)(struct cipher *cipher);
};

/* First member of what a library carries along. */
struct cipher {
	const struct cipher_backend *backend;
};

/* Always there; NULL never. */
struct cipher *cipher_sodium_create(void);

/* Only there when built with HAVE_IPSEC_MB. */
struct cipher *cipher_ipsec_mb_create(void);

#endif
