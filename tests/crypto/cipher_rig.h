/* SPDX-License-Identifier: MIT */
/* cipher_rig.h - every library that is there, and messages between guards. Without intel-ipsec-mb
 * (not built in, or a CPU too old) what is tested holds for libsodium alone.
 */
#ifndef TESTS_CRYPTO_CIPHER_RIG_H
#define TESTS_CRYPTO_CIPHER_RIG_H

#include <stdbool.h>

#include "../bytes_rig.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"

#define TEXT_MAX   2000u
#define GUARD_LEN  64u
#define GUARD_BYTE 0xa5

extern struct cipher *ciphers[2]; /* libsodium always comes first */
extern unsigned cipher_count;

/* For the .init and .fini of a suite. */
void cipher_rig_init(void);
void cipher_rig_fini(void);

/* Lengths about which something may change. */
#define SIZE_COUNT 21u
extern const uint32_t sizes[SIZE_COUNT];

/* A message with room for its tag between two guards. */
struct slot {
	uint8_t before[GUARD_LEN];
	uint8_t data[TEXT_MAX + AEAD_TAG_LEN + GUARD_LEN];
};

void slot_fill(struct slot *slot, const uint8_t *text, size_t len);

/* Nothing but the first @len bytes was written to. */
bool slot_is_intact(const struct slot *slot, size_t len);

/* No byte of a text is zero or has its high bit: neither a wiped byte nor a guard looks like one.
 */
void make_text(struct test_random *random, uint8_t *out, size_t len);

#endif
