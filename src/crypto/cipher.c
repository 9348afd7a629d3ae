/* SPDX-License-Identifier: MIT */
#include "crypto/cipher.h"

#include <stddef.h>

#include "crypto/cipher_backend.h"
#include "crypto/cipher_choice.h"

/* The fastest first. */
static const struct cipher_source sources[] = {
#ifdef HAVE_IPSEC_MB
	{CIPHER_IPSEC_MB, cipher_ipsec_mb_create},
#endif
	{CIPHER_SODIUM, cipher_sodium_create},
};
#define SOURCE_COUNT (sizeof sources / sizeof *sources)

const char *cipher_library_name(enum cipher_library library)
{
	static const char *const names[] = {
		[CIPHER_AUTO] = "auto",
		[CIPHER_SODIUM] = "sodium",
		[CIPHER_IPSEC_MB] = "ipsec-mb",
	};

	return names[library];
}

struct cipher *cipher_create(enum cipher_library library)
{
	for (unsigned i = 0; i < SOURCE_COUNT; i++)
		if (sources[i].id == library)
			return sources[i].create();
	return NULL;
}

void cipher_destroy(struct cipher *cipher)
{
	if (cipher)
		cipher->backend->destroy(cipher);
}

bool cipher_is_available(enum cipher_library library)
{
	struct cipher *cipher = cipher_create(library);

	cipher_destroy(cipher);
	return cipher || library == CIPHER_AUTO;
}

void cipher_seal(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                 const struct cipher_job *jobs, unsigned len)
{
	cipher->backend->seal(cipher, key, jobs, len);
}

unsigned cipher_open(struct cipher *cipher, const uint8_t key[static KEY_LEN],
                     struct cipher_job *jobs, unsigned len)
{
	return cipher->backend->open(cipher, key, jobs, len);
}

int cipher_choose(enum cipher_library wanted, enum cipher_library *ret)
{
	return cipher_choose_from(sources, SOURCE_COUNT, wanted, ret);
}
