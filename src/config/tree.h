/* SPDX-License-Identifier: MIT */
/* tree.h - a YAML document as a tree of nodes that know their place in the file.
 *
 * Built from libyaml's events, because only these still show what we refuse: anchors, aliases, tags
 * and further documents. Merge keys are refused where keys are looked at. Depth is bounded while
 * reading, so everything that walks a tree may recurse. One thread.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DEPTH_MAX 16u

struct config_report;

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

/* Reads @text and reports every error it finds. *@ret is the caller's to config_tree_free(); NULL
 * when the document could not be read to its end. Returns 0 or -ENOMEM.
 */
int config_tree_read(const char *text, size_t len, struct config_report *report,
                     struct config_node **ret);

/* Wipes all text. NULL is allowed. */
void config_tree_free(struct config_node *root);

/* The first value of @key, or NULL. */
struct config_node *config_tree_find(const struct config_node *mapping, const char *key);

/* Whether @key is there, be it misspelled: then it is not missing. */
bool config_tree_means(const struct config_node *mapping, const char *key);

/* The same when it is given, not null and not refused, else NULL. @mapping may be NULL. */
struct config_node *config_tree_good(const struct config_node *mapping, const char *key);

/* Given at all, be it wrong or misspelled: then somebody wanted it, and nothing is missing. */
bool config_tree_given(const struct config_node *mapping, const char *key);

/* ~, null or nothing at all, without quotes. */
bool config_node_is_null(const struct config_node *node);

#endif
