/* SPDX-License-Identifier: MIT */
/* node.h - a value of a configuration file: text, list or mapping, and its place in the file.
 *
 * A file is a tree of them, which tree.h reads. Checks mark what they refuse, so that later ones
 * can ask for what is given and good: one mistake, one message. Depth is bounded while reading, so
 * everything that walks a tree may recurse. One thread.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_node_kind {
	CONFIG_NODE_SCALAR,
	CONFIG_NODE_LIST,
	CONFIG_NODE_MAPPING,
};

/* Counted from 1; columns are characters, not bytes. */
struct config_place {
	size_t line;
	size_t column;
};

struct config_node {
	enum config_node_kind kind;
	bool is_plain;   /* a scalar written without quotes */
	bool is_refused; /* an error about it was reported: say nothing more */
	struct config_place at;
	struct config_place key_at; /* of its key, when it is in a mapping */
	char *key;                  /* in a mapping */
	const char *meant;          /* the key that an unknown one may stand for; NULL: none */
	char *text;                 /* of a scalar, with a terminating zero; may hold others */
	size_t len;                 /* bytes of the text */
	uint64_t number;            /* what the check made of a scalar: number, word or secret */
	size_t index;               /* place among its parent's children, from 0 */
	size_t count;               /* children */
	struct config_node *parent; /* NULL: the root */
	struct config_node *first, *last, *next;
};

/* Frees @root and all below, and wipes all text. NULL is allowed. */
void config_node_free(struct config_node *root);

/* The first value of @key, or NULL. */
struct config_node *config_node_find(const struct config_node *mapping, const char *key);

/* Whether @key is there, be it misspelled: then it is not missing. */
bool config_node_means(const struct config_node *mapping, const char *key);

/* The same when it is given, not null and not refused, else NULL. @mapping may be NULL. */
struct config_node *config_node_good(const struct config_node *mapping, const char *key);

/* Given at all, be it wrong or misspelled: then somebody wanted it, and nothing is missing. */
bool config_node_given(const struct config_node *mapping, const char *key);

/* ~, null or nothing at all, without quotes. */
bool config_node_is_null(const struct config_node *node);

#endif
