/* SPDX-License-Identifier: MIT */
#include "config/secrets.h"

#include <stdlib.h>

#include "crypto/secret.h"
#include "vtrunkd/wire.h"

uint8_t *config_secrets_add(struct config_secrets *secrets, uint64_t *ret_number)
{
	uint8_t **keys = reallocarray(secrets->keys, secrets->count + 1, sizeof *keys);

	if (!keys)
		return NULL;
	secrets->keys = keys; /* addresses only: nothing to wipe when it moves */
	keys[secrets->count] = secret_alloc(KEY_LEN);
	if (!keys[secrets->count])
		return NULL;
	*ret_number = secrets->count + 1;
	return keys[secrets->count++];
}

void config_secrets_fini(struct config_secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		secret_free(secrets->keys[i]);
	free(secrets->keys);
	*secrets = (struct config_secrets){0};
}
