/* SPDX-License-Identifier: MIT */
#include "config/node.h"

#include <stdlib.h>
#include <string.h>

void config_node_free(struct config_node *node)
{
	if (!node)
		return;
	for (struct config_node *child = node->first, *next; child; child = next) {
		next = child->next;
		config_node_free(child);
	}
	if (node->text)
		explicit_bzero(node->text, node->len);
	free(node->text);
	free(node->key);
	free(node);
}

struct config_node *config_node_find(const struct config_node *mapping, const char *key)
{
	if (mapping->kind != CONFIG_NODE_MAPPING)
		return NULL;
	for (struct config_node *child = mapping->first; child; child = child->next)
		if (!strcmp(child->key, key))
			return child;
	return NULL;
}

bool config_node_means(const struct config_node *mapping, const char *key)
{
	if (config_node_find(mapping, key))
		return true;
	for (struct config_node *child = mapping->first; child; child = child->next)
		if (child->meant && !strcmp(child->meant, key))
			return true;
	return false;
}

bool config_node_given(const struct config_node *mapping, const char *key)
{
	const struct config_node *node = config_node_find(mapping, key);

	if (!node)
		return config_node_means(mapping, key);
	return node->is_refused || !config_node_is_null(node);
}

bool config_node_is_null(const struct config_node *node)
{
	static const char *const spellings[] = {"", "~", "null", "Null", "NULL"};

	if (node->kind != CONFIG_NODE_SCALAR || !node->is_plain)
		return false;
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
		if (!strcmp(node->text, spellings[i]))
			return true;
	return false;
}

struct config_node *config_node_good(const struct config_node *mapping, const char *key)
{
	struct config_node *node = mapping ? config_node_find(mapping, key) : NULL;

	return node && !node->is_refused && !config_node_is_null(node) ? node : NULL;
}
