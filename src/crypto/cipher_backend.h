/* SPDX-License-Identifier: MIT */
/* cipher_backend.h - what a library must provide to serve behind cipher.h, and how one is chosen.
 *
 * Private to the room and its tests: a test puts libraries with wrong answers here.
 */
#ifndef CRYPTO_CIPHER_BACKEND_H
#define CRYPTO_CIPHER_BACKEND_H

#include "crypto/cipher.h"

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

struct cipher_source {
	enum cipher_library id;
	/* NULL without memory, or when the CPU is not good enough. */
	struct cipher *(*create)(void);
};

/* cipher_choose() among the @len libraries of @sources, the fastest first. */
int cipher_choose_from(const struct cipher_source *sources, unsigned len,
                       enum cipher_library wanted, enum cipher_library *ret);

/* Only there when built with HAVE_IPSEC_MB. */
struct cipher *cipher_ipsec_mb_create(void);

#endif
