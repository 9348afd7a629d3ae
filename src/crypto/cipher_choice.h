/* SPDX-License-Identifier: MIT */
/* cipher_choice.h - which library serves: known answers are run through each before it is trusted.
 *
 * Private to the room and its tests: a test puts libraries with wrong answers here.
 */
#ifndef CRYPTO_CIPHER_CHOICE_H
#define CRYPTO_CIPHER_CHOICE_H

#include "crypto/cipher_job.h"

struct cipher;

struct cipher_source {
	enum cipher_library id;
	/* NULL without memory, or when the CPU is not good enough. */
	struct cipher *(*create)(void);
};

/* cipher_choose() among the @len libraries of @sources, the fastest first. */
int cipher_choose_from(const struct cipher_source *sources, unsigned len,
                       enum cipher_library wanted, enum cipher_library *ret);

#endif
