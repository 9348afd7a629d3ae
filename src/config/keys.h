/* SPDX-License-Identifier: MIT */
/* keys.h - the one table of the configuration's keys.
 *
 * A key is described here and nowhere else: its place, what it may hold, where libcyaml puts it,
 * what to say about it. Checks and messages (walk.h), the schema of libcyaml (load.h), the man page
 * (page.h) and comments of starter files (starter.h) come from it. A scalar may be of several kinds
 * at once ("auto or a whole number"). The table is constant and needs no other room, so that the
 * man page's writer can be built for the machine that builds.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Forms that a text may have; value.h knows them. */
enum config_form {
	CONFIG_FORM_NONE,
	CONFIG_FORM_DEVICE,
	CONFIG_FORM_NAME,
	CONFIG_FORM_IP,
	CONFIG_FORM_NETMASK,
	CONFIG_FORM_PREFIX,
	CONFIG_FORM_KEY,
	CONFIG_FORM_BIND,
	CONFIG_FORM_ENDPOINT,
	CONFIG_FORM_PATH,
	CONFIG_FORM_RUN_DIR,
};

struct config_rule {
	const char *key;          /* NULL in the rule that ends a table */
	unsigned kind;            /* of enum config_kind */
	bool is_required;         /* neither absent nor null */
	uint64_t min, max;        /* CONFIG_INTEGER: value; CONFIG_LIST: entries */
	const char *const *words; /* the first is the canonical one, NULL ends */
	const uint8_t *meanings;  /* values of the words; NULL: 0, 1, 2 and so on */
	enum config_form form;    /* CONFIG_TEXT */
	const char *allowed;      /* what to write, for messages; NULL: made from the above */
	const char *cure;         /* where to get it, said when it is missing; NULL: obvious */
	const struct config_rule *inner;

	size_t at, size, count_at; /* in the struct of raw.h that holds it */

	/* For people, as scdoc writes it. */
	const char *unit;  /* of a number */
	const char *value; /* what to write; NULL: made from unit, range and words */
	const char
		*by_default; /* what it is when absent, as one would write it; NULL: no such text */
	const char *without; /* the same in words; with by_default, what that means */
	const char *brief;   /* one sentence */
	const char *more;    /* what else there is to say, paragraphs with an empty line between */
};

extern const struct config_rule config_schema; /* of the document */

#endif
