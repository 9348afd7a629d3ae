/* SPDX-License-Identifier: MIT */
/* schema.h - questions to the table of keys (keys.h): what a rule allows, which key is where.
 *
 * Pure functions of constant data.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/keys.h"

#define CONFIG_DESCRIPTION_LEN 160u

/* What @rule allows, to stand after "must be". Returns @buf. */
const char *config_rule_describe(const struct config_rule *rule,
                                 char buf[static CONFIG_DESCRIPTION_LEN]);

/* The rule of @key among @inner, or NULL. */
const struct config_rule *config_rule_find(const struct config_rule *inner, const char *key);

/* Whether @text is a word that @rule allows, in any case; *@ret is its number then. */
bool config_rule_word(const struct config_rule *rule, const char *text, uint64_t *ret);

/* The rule of the key at @path, such as "wireguard.links.weight", where a list means its entries;
 * "" is the document. NULL when there is none.
 */
const struct config_rule *config_rule_at(const char *path);

/* Writes where a @key of this name is allowed ("wireguard.links[]"), the first such place of the
 * document. Case, '_' and '-' do not count. False when there is none; then @ret says nothing.
 */
bool config_rule_place(const char *key, char ret[static CONFIG_DESCRIPTION_LEN]);

#endif
