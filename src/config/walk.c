/* SPDX-License-Identifier: MIT */
#include "config/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_text.h"
#include "base/similar.h"
#include "config/node.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/secrets.h"
#include "config/value.h"

#define KEYS_MAX 256u /* in one mapping, right or wrong; keeps the search for twins short */

struct walk {
	struct config_report *report;
	struct config_secrets *secrets;
	bool is_out_of_memory;
};

static void check_node(struct walk *w, struct config_node *node, const struct config_rule *rule);

/* "must be WHAT IS ALLOWED; this is ...", the latter only when there is something to say. */
static void refuse(struct walk *w, struct config_node *node, const struct config_rule *rule,
                   const char *actual)
{
	char allowed[CONFIG_DESCRIPTION_LEN];

	config_error(w->report, node, "must be %s%s%s", config_rule_describe(rule, allowed),
	             *actual ? "; this is " : "", actual);
}

/* Text in angle brackets is what examples and our own starter files have where only their reader
 * knows what to write.
 */
static bool is_placeholder(const struct config_node *node, const struct config_rule *rule)
{
	return rule->form != CONFIG_FORM_NAME && node->text[0] == '<' && strchr(node->text, '>');
}

static void refuse_placeholder(struct walk *w, struct config_node *node,
                               const struct config_rule *rule)
{
	char allowed[CONFIG_DESCRIPTION_LEN];

	config_error(w->report, node, "must be %s; this is a placeholder, to be replaced%s%s",
	             config_rule_describe(rule, allowed), rule->cure ? "; " : "",
	             rule->cure ? rule->cure : "");
}

static void refuse_word(struct walk *w, struct config_node *node, const struct config_rule *rule)
{
	char allowed[CONFIG_DESCRIPTION_LEN];
	const char *meant = NULL;
	unsigned best = SIMILAR_NONE;

	for (size_t i = 0; rule->words[i]; i++)
		if (similar_is_nearer(node->text, rule->words[i], &best))
			meant = rule->words[i];
	config_error(w->report, node, "must be %s; this is another word%s%s%s",
	             config_rule_describe(rule, allowed), meant ? "; did you mean " : "",
	             meant ? meant : "", meant ? "?" : "");
}

/* What a scalar is that fits none of the kinds of its rule. */
static const char *scalar_type(const struct config_node *node, const struct config_rule *rule)
{
	const char *type = config_plain_type(node->text);

	if (config_node_is_null(node))
		return "null";
	if (!node->is_plain)
		return type && rule->kind & CONFIG_INTEGER ? "text in quotes" : "text";
	return type ? type : "text";
}

/* Decimal without sign or leading zero, or 0x and up to 16 digits. Returns NULL and the number, or
 * what the text is instead.
 */
static const char *read_integer(const char *text, const struct config_rule *rule, uint64_t *ret)
{
	bool is_hex = !strncmp(text, "0x", 2);
	char *end;

	if (is_hex && !(rule->kind & CONFIG_HEX))
		return "hexadecimal";
	if (text[0] == '-' || text[0] == '+')
		return "a number with a sign";
	if (!is_hex && strspn(text, "0123456789") != strlen(text))
		return "not a whole number";
	if (!is_hex && text[0] == '0' && text[1])
		return "a number with a leading zero";
	errno = 0;
	*ret = strtoull(text, &end, is_hex ? 16 : 10);
	return errno || *ret < rule->min || *ret > rule->max ? "out of range" : NULL;
}

/* Moves the key that a good @node spells into the secrets; the node keeps its number. */
static void take_secret(struct walk *w, struct config_node *node)
{
	uint8_t *key = config_secrets_add(w->secrets, &node->number);

	if (!key)
		w->is_out_of_memory = true;
	else
		(void)key_from_base64(key, node->text); /* its form was checked */
}

static void check_text(struct walk *w, struct config_node *node, const struct config_rule *rule)
{
	const char *actual = NULL;

	if (is_placeholder(node, rule)) {
		refuse_placeholder(w, node, rule);
		return;
	}
	if (rule->form != CONFIG_FORM_KEY && !config_text_is_printable(node->text, node->len))
		actual = "text with control characters or several lines";
	else
		actual = config_form_check(rule->form, node->text);

	if (actual)
		refuse(w, node, rule, actual);
	else if (rule->kind & CONFIG_SECRET)
		take_secret(w, node);
}

static void check_scalar(struct walk *w, struct config_node *node, const struct config_rule *rule)
{
	const char *type = node->is_plain ? config_plain_type(node->text) : NULL;
	const char *actual = NULL;
	bool is_number = type && !strcmp(type, "a number");

	if (strlen(node->text) != node->len)
		actual = "text with a zero in it";
	else if (is_number && rule->kind & CONFIG_INTEGER)
		actual = read_integer(node->text, rule, &node->number);
	else if (config_rule_word(rule, node->text, &node->number))
		return;
	else if (rule->kind & CONFIG_TEXT && !type)
		check_text(w, node, rule);
	else if (rule->kind & CONFIG_TEXT && !config_form_check(rule->form, node->text))
		actual = "not text to YAML; put it in quotes";
	else if (rule->kind == CONFIG_WORD && !type)
		refuse_word(w, node, rule);
	else
		actual = scalar_type(node, rule);
	if (actual)
		refuse(w, node, rule, actual);
}

static void check_list(struct walk *w, struct config_node *node, const struct config_rule *rule)
{
	if (!node->count && rule->min)
		refuse(w, node, rule, "empty");
	if (node->count > rule->max)
		refuse(w, node, rule, "longer");
	for (struct config_node *entry = node->first; entry; entry = entry->next) {
		if (config_node_is_null(entry) && !entry->is_refused)
			refuse(w, entry, rule->inner, "null");
		else
			check_node(w, entry, rule->inner);
	}
}

/* The names of all keys of a mapping, for those who misspelled one. NULL without memory. */
static char *list_keys(const struct config_rule *inner)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (const struct config_rule *rule = inner; rule->key; rule++)
		fprintf(out, "%s%s", rule == inner ? "" : ", ", rule->key);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* What somebody may have meant by an unknown key, as a question or a hint, or "". */
static const char *guess_key(struct config_node *node, const struct config_rule *inner,
                             char ret[static CONFIG_DESCRIPTION_LEN + 32])
{
	char place[CONFIG_DESCRIPTION_LEN];
	unsigned best = SIMILAR_NONE;

	for (const struct config_rule *rule = inner; rule->key; rule++)
		if (similar_is_nearer(node->key, rule->key, &best))
			node->meant = rule->key;
	ret[0] = '\0';
	if (node->meant)
		snprintf(ret, CONFIG_DESCRIPTION_LEN + 32, "did you mean %s? ", node->meant);
	else if (config_rule_place(node->key, place))
		snprintf(ret, CONFIG_DESCRIPTION_LEN + 32, "there is one in %s; ", place);
	return ret;
}

static void refuse_unknown(struct walk *w, struct config_node *node,
                           const struct config_rule *inner)
{
	char guess[CONFIG_DESCRIPTION_LEN + 32];
	char *keys = list_keys(inner);

	if (!strcmp(node->key, "<<"))
		config_error_key(w->report, node, "merge keys are not allowed; write the keys out");
	else
		config_error_key(w->report, node, "unknown key; %sallowed are %s",
		                 guess_key(node, inner, guess), keys ? keys : "");
	if (!keys)
		w->is_out_of_memory = true;
	free(keys);
}

static void check_mapping(struct walk *w, struct config_node *node, const struct config_rule *inner)
{
	if (node->count > KEYS_MAX) {
		config_error(w->report, node, "must be a mapping with at most %u keys", KEYS_MAX);
		return;
	}
	for (struct config_node *child = node->first; child; child = child->next) {
		const struct config_rule *rule = config_rule_find(inner, child->key);
		struct config_node *first;

		if (!rule) {
			refuse_unknown(w, child, inner);
		} else if ((first = config_node_find(node, child->key)) != child) {
			config_error_key(w->report, child,
			                 "a key may be given once; the first is in line %zu",
			                 first->key_at.line);
		} else {
			check_node(w, child, rule);
		}
	}
	for (const struct config_rule *rule = inner; rule->key; rule++) {
		char allowed[CONFIG_DESCRIPTION_LEN];

		if (rule->is_required && !config_node_means(node, rule->key))
			config_error_missing(w->report, node, rule->key,
			                     "required but missing; must be %s%s%s",
			                     config_rule_describe(rule, allowed),
			                     rule->cure ? "; " : "", rule->cure ? rule->cure : "");
	}
}

static void check_node(struct walk *w, struct config_node *node, const struct config_rule *rule)
{
	if (node->is_refused)
		return;
	if (config_node_is_null(node) && node->parent &&
	    node->parent->kind == CONFIG_NODE_MAPPING) {
		if (rule->is_required)
			refuse(w, node, rule, "null");
		return; /* null means absent */
	}
	if (node->kind == CONFIG_NODE_SCALAR)
		check_scalar(w, node, rule);
	else if (node->kind == CONFIG_NODE_LIST && rule->kind & CONFIG_LIST)
		check_list(w, node, rule);
	else if (node->kind == CONFIG_NODE_MAPPING && rule->kind & CONFIG_MAPPING)
		check_mapping(w, node, rule->inner);
	else
		refuse(w, node, rule, node->kind == CONFIG_NODE_LIST ? "a list" : "a mapping");
}

int config_walk(struct config_node *node, const struct config_rule *rule,
                struct config_report *report, struct config_secrets *secrets)
{
	struct walk w = {.report = report, .secrets = secrets};

	check_node(&w, node, rule);
	return w.is_out_of_memory ? -ENOMEM : 0;
}
