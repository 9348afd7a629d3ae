/* SPDX-License-Identifier: MIT */
#include "cipher_rig.h"

#include "crypto/init.h"

struct cipher *ciphers[2];
unsigned cipher_count;

const uint32_t sizes[SIZE_COUNT] = {0,   1,   15,  16,  17,  31,  32,  33,   63,   64,  65,
                                    127, 128, 129, 255, 256, 257, 512, 1023, 1024, 1420};

static void add_cipher(enum cipher_library library)
{
	ciphers[cipher_count] = cipher_create(library);
	cr_assert(ne(ptr, ciphers[cipher_count], NULL), "%s", cipher_library_name(library));
	cipher_count++;
}

void cipher_rig_init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	add_cipher(CIPHER_SODIUM);
	if (cipher_is_available(CIPHER_IPSEC_MB))
		add_cipher(CIPHER_IPSEC_MB);
}

void cipher_rig_fini(void)
{
	while (cipher_count)
		cipher_destroy(ciphers[--cipher_count]);
}

void slot_fill(struct slot *slot, const uint8_t *text, size_t len)
{
	memset(slot, GUARD_BYTE, sizeof *slot);
	memcpy(slot->data, text, len);
}

bool slot_is_intact(const struct slot *slot, size_t len)
{
	for (size_t i = 0; i < sizeof slot->before; i++)
		if (slot->before[i] != GUARD_BYTE)
			return false;
	for (size_t i = len; i < sizeof slot->data; i++)
		if (slot->data[i] != GUARD_BYTE)
			return false;
	return true;
}

void make_text(struct test_random *random, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(1 + test_random_next(random) % 127);
}
