/* SPDX-License-Identifier: MIT */
/* check.h - a configuration text against the schema, and its normal form.
 *
 * The text is read into a tree (tree.h), each value held against its rule (walk.h), then the values
 * against each other (cross.h). All errors are reported together. A good text comes back in its
 * normal form (normal.h), with the keys beside it (secrets.h).
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/secrets.h"

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

/* Looks at our private key alone, whatever else is wrong or still to be filled in. Messages and
 * errors as above; on success *@ret_number is the number of the key among the secrets.
 */
int config_check_identity(const struct config_source *source, FILE *messages,
                          struct config_secrets *ret_secrets, uint64_t *ret_number);

#endif
