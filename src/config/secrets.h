/* SPDX-License-Identifier: MIT */
/* secrets.h - the keys of a configuration file while it is checked, in secret memory.
 *
 * The normal form of a file holds the number of a key in its place, so that the text of a key has
 * no copy beyond this table. Numbers count from 1. One thread.
 */
#ifndef CONFIG_SECRETS_H
#define CONFIG_SECRETS_H

#include <stddef.h>
#include <stdint.h>

/* KEY_LEN bytes each. An entry that was taken over is NULL. */
struct config_secrets {
	uint8_t **keys;
	size_t count;
};

/* Adds zeroed room for one key; *@ret_number is its number. NULL without memory. */
uint8_t *config_secrets_add(struct config_secrets *secrets, uint64_t *ret_number);

/* Wipes what is left. */
void config_secrets_fini(struct config_secrets *secrets);

#endif
