/* SPDX-License-Identifier: MIT */
#include "config/normal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/node.h"
#include "config/schema.h"

/* Control characters are line ends and tabs around a public key. */
static void write_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text < ' ')
			fprintf(out, "\\x%02x", (unsigned)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void write_scalar(FILE *out, const struct config_node *node, const struct config_rule *rule)
{
	uint64_t word;

	if (rule->kind & (CONFIG_SECRET | CONFIG_SECRET_FILE))
		fprintf(out, "%" PRIu64, node->number);
	else if (config_rule_word(rule, node->text, &word))
		write_string(out, rule->words[word]);
	else if (rule->kind & (CONFIG_TEXT | CONFIG_WORD))
		write_string(out, node->text);
	else
		fprintf(out, "%" PRIu64, node->number);
}

/* A scalar in the place of a mapping: an endpoint by itself, or a number for every key. */
static void write_whole(FILE *out, const struct config_node *node, const struct config_rule *rule)
{
	if (rule->kind & CONFIG_TEXT) {
		fputs("{\"address\": ", out);
		write_string(out, node->text);
		fputc('}', out);
		return;
	}
	for (const struct config_rule *key = rule->inner; key->key; key++)
		fprintf(out, "%s\"%s\": %" PRIu64, key == rule->inner ? "{" : ",\n", key->key,
		        node->number);
	fputc('}', out);
}

static void write_node(FILE *out, const struct config_node *node, const struct config_rule *rule)
{
	bool is_first = true;

	if (node->kind == CONFIG_NODE_SCALAR && rule->kind & CONFIG_MAPPING) {
		write_whole(out, node, rule);
		return;
	}
	if (node->kind == CONFIG_NODE_SCALAR) {
		write_scalar(out, node, rule);
		return;
	}
	fputc(node->kind == CONFIG_NODE_LIST ? '[' : '{', out);
	for (const struct config_node *child = node->first; child; child = child->next) {
		if (config_node_is_null(child))
			continue;
		if (!is_first)
			fputs(",\n", out);
		is_first = false;
		if (node->kind == CONFIG_NODE_MAPPING)
			fprintf(out, "\"%s\": ", child->key);
		write_node(out, child,
		           node->kind == CONFIG_NODE_LIST
		                   ? rule->inner
		                   : config_rule_find(rule->inner, child->key));
	}
	fputc(node->kind == CONFIG_NODE_LIST ? ']' : '}', out);
}

char *config_normal_form(const struct config_node *root)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	write_node(out, root, &config_schema);
	fputc('\n', out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
