/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/similar.h"

/* "error, warning, info or debug" */
static void describe_words(FILE *out, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		fprintf(out, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

static void describe_number(FILE *out, const struct config_rule *rule)
{
	if (rule->kind & CONFIG_WORD)
		fputs(" or ", out);
	if (rule->kind & CONFIG_HEX)
		fprintf(out, "a whole number, 0..0x%" PRIx64 ", decimal or 0x...", rule->max);
	else
		fprintf(out, "a whole number, %" PRIu64 "..%" PRIu64, rule->min, rule->max);
}

const char *config_rule_describe(const struct config_rule *rule,
                                 char buf[static CONFIG_DESCRIPTION_LEN])
{
	FILE *out = fmemopen(buf, CONFIG_DESCRIPTION_LEN, "w");

	buf[0] = '\0';
	if (!out)
		return buf;
	if (rule->allowed) {
		fputs(rule->allowed, out);
	} else if (rule->kind & CONFIG_MAPPING) {
		fputs("a mapping", out);
	} else if (rule->kind & CONFIG_LIST) {
		fprintf(out, "a list of %s%" PRIu64 " entries", rule->min ? "1.." : "at most ",
		        rule->max);
	} else {
		if (rule->kind & CONFIG_WORD)
			describe_words(out, rule->words);
		if (rule->kind & CONFIG_INTEGER)
			describe_number(out, rule);
	}
	fclose(out);
	return buf;
}

const struct config_rule *config_rule_find(const struct config_rule *inner, const char *key)
{
	for (; inner->key; inner++)
		if (!strcmp(inner->key, key))
			return inner;
	return NULL;
}

/* Depth first; @place is what stands before the keys of @inner. */
static bool find_place(const struct config_rule *inner, const char *key, const char *place,
                       char ret[static CONFIG_DESCRIPTION_LEN])
{
	for (const struct config_rule *rule = inner; rule->key; rule++) {
		bool is_list = rule->kind & CONFIG_LIST;
		const struct config_rule *below = is_list ? rule->inner->inner : rule->inner;
		char there[CONFIG_DESCRIPTION_LEN];

		if (!similar_distance(key, rule->key)) {
			snprintf(ret, CONFIG_DESCRIPTION_LEN, "%s",
			         *place ? place : "the document");
			return true;
		}
		snprintf(there, sizeof there, "%.100s%s%s%s", place, *place ? "." : "", rule->key,
		         is_list ? "[]" : "");
		if (below && find_place(below, key, there, ret))
			return true;
	}
	return false;
}

bool config_rule_place(const char *key, char ret[static CONFIG_DESCRIPTION_LEN])
{
	return *key && find_place(config_schema.inner, key, "", ret);
}

bool config_rule_word(const struct config_rule *rule, const char *text, uint64_t *ret)
{
	for (size_t i = 0; rule->kind & CONFIG_WORD && rule->words[i]; i++) {
		if (!strcasecmp(rule->words[i], text)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const struct config_rule *config_rule_at(const char *path)
{
	const struct config_rule *rule = &config_schema;

	while (*path) {
		size_t len = strcspn(path, ".");
		const struct config_rule *inner =
			rule->kind & CONFIG_LIST ? rule->inner->inner : rule->inner;

		for (rule = NULL; inner && inner->key; inner++)
			if (strlen(inner->key) == len && !strncmp(inner->key, path, len)) {
				rule = inner;
				break;
			}
		if (!rule)
			return NULL;
		path += len + (path[len] == '.');
	}
	return rule;
}
