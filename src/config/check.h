/* SPDX-License-Identifier: MIT */
/* check.h - a configuration text against the schema, and its normal form.
 *
 * The text is read into a tree (tree.h), each value held against its rule (schema.h),
 * then the values against each other (cross.c). All errors are reported together. A good
 * text comes back in a normal form that libcyaml can load without further questions: no key is
 * null, words are spelled canonically, an endpoint is always a mapping, and the keys are not there:
 * in their place stands the number of a secret, so that only this module reads them.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config_node;
struct config_report;

/* Keys in secret memory, KEY_LEN bytes each. Numbers in the normal form count from 1. */
struct config_secrets {
	uint8_t **keys;
	size_t count;
};

struct config_source {
	const char *path; /* for messages */
	const char *text;
	size_t len;
	bool is_world_readable;
};

/* Writes errors and warnings to @messages. On success *@ret_normal is a string to free(), and the
 * secrets are the caller's to config_secrets_fini(). Returns 0, -EINVAL or -ENOMEM. A private key
 * file that the text names is read.
 */
int config_check(const struct config_source *source, FILE *messages, char **ret_normal,
                 struct config_secrets *ret_secrets);

/* Looks at our private key alone, whatever else is wrong or still to be filled in. Messages and errors
 * as above; on success *@ret_number is the number of the key among the secrets.
 */
int config_check_identity(const struct config_source *source, FILE *messages,
                          struct config_secrets *ret_secrets, uint64_t *ret_number);

/* Wipes what is left: an entry that was taken over is NULL. */
void config_secrets_fini(struct config_secrets *secrets);

/* Adds zeroed room for one key; *@ret_number is its number. NULL without memory. */
uint8_t *config_secrets_add(struct config_secrets *secrets, uint64_t *ret_number);

/* routes.c: warns of allowed IPs that lead the way to a peer into the tunnel, and of more ways
 * to a peer than are kept. @network may be NULL. Returns 0 or -ENOMEM.
 */
int config_routes_check(const struct config_node *network, const struct config_node *wireguard,
                        struct config_report *report);

/* cross.c: what several keys have to do with each other. Values that were refused before are
 * left alone. Return 0 or -ENOMEM. The first looks at private_key and private_key_file only;
 * *@ret_number is the number of the good key, or 0.
 */
int config_cross_private_key(struct config_node *wireguard, struct config_report *report,
                             struct config_secrets *secrets, uint64_t *ret_number);
int config_cross_check(struct config_node *root, bool is_world_readable,
                       struct config_report *report, struct config_secrets *secrets);

#endif
