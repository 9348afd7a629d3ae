/* SPDX-License-Identifier: MIT */
/* schema.h - the table of every key: what it holds, what is allowed, what must be there.
 *
 * One rule per key, with the rules of the keys or entries below it. A scalar may be of several
 * kinds at once ("auto or a whole number"). The table is constant.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/value.h"

/* What a value may be; flags. */
enum config_kind {
	CONFIG_INTEGER = 1,       /* min .. max */
	CONFIG_HEX = 2,           /* an integer that may be written 0x... */
	CONFIG_WORD = 4,          /* one of words, in any case */
	CONFIG_TEXT = 8,          /* of a form */
	CONFIG_LIST = 16,         /* min .. max entries that follow the first of inner */
	CONFIG_MAPPING = 32,      /* with the keys of inner */
	CONFIG_SECRET = 64,       /* replaced by its number in struct config_secrets */
	CONFIG_SECRET_FILE = 128, /* the same, read from the file that the text names */
};

struct config_rule {
	const char *key;          /* NULL in the rule that ends a table */
	unsigned kind;            /* of enum config_kind */
	bool is_required;         /* neither absent nor null */
	uint64_t min, max;        /* CONFIG_INTEGER: value; CONFIG_LIST: entries */
	const char *const *words; /* the first is the canonical one, NULL ends */
	config_form form;         /* CONFIG_TEXT */
	const char *allowed;      /* what to write, for messages; NULL: made from the above */
	const char *cure;         /* where to get it, said when it is missing; NULL: obvious */
	const struct config_rule *inner;
};

#define CONFIG_DESCRIPTION_LEN 160u

extern const struct config_rule config_schema; /* of the document */

/* What @rule allows, to stand after "must be". Returns @buf. */
const char *config_rule_describe(const struct config_rule *rule,
                                 char buf[static CONFIG_DESCRIPTION_LEN]);

/* The rule of @key among @inner, or NULL. */
const struct config_rule *config_rule_find(const struct config_rule *inner, const char *key);

/* Whether @text is a word that @rule allows, in any case; *@ret is its number then. */
bool config_rule_word(const struct config_rule *rule, const char *text, uint64_t *ret);

/* Writes where a @key of this name is allowed ("wireguard.links[]"), the first such place of the
 * document. Case, '_' and '-' do not count. False when there is none; then @ret says nothing.
 */
bool config_rule_place(const char *key, char ret[static CONFIG_DESCRIPTION_LEN]);

#endif
