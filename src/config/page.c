/* SPDX-License-Identifier: MIT */
#include "config/page.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/keys.h"
#include "config/schema.h"

#define LINE_MAX_LEN 1024

/* "*auto*, *sodium* or *ipsec-mb*" */
static void write_words(FILE *out, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		fprintf(out, "%s*%s*", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

static void write_value(FILE *out, const struct config_rule *rule)
{
	if (rule->value)
		fputs(rule->value, out);
	else if (rule->kind & CONFIG_WORD)
		write_words(out, rule->words);
	else
		fprintf(out, "%s%s%" PRIu64 "..%" PRIu64, rule->unit ? rule->unit : "",
		        rule->unit ? ", " : "", rule->min, rule->max);
}

static void write_default(FILE *out, const struct config_rule *rule)
{
	const char *mark = rule->kind & CONFIG_WORD ? "*" : "";

	if (rule->is_required)
		fputs("; required", out);
	else if (rule->by_default)
		fprintf(out, "; default %s%s%s%s%s", mark, rule->by_default, mark,
		        rule->without ? ", " : "", rule->without ? rule->without : "");
	else if (rule->without)
		fprintf(out, "; default: %s", rule->without);
}

/* scdoc wants a tab before each paragraph of an entry. */
static void write_paragraphs(FILE *out, const char *text)
{
	for (const char *end; (end = strstr(text, "\n\n")); text = end + 2)
		fprintf(out, "%.*s\n\n\t", (int)(end - text), text);
	fprintf(out, "%s\n", text);
}

static void write_keys(FILE *out, const struct config_rule *keys)
{
	for (const struct config_rule *rule = keys; rule->key; rule++) {
		fprintf(out, "%s*%s*: ", rule == keys ? "" : "\n", rule->key);
		write_value(out, rule);
		write_default(out, rule);
		fprintf(out, "\n\t%s", rule->brief);
		if (rule->more)
			fputc(' ', out);
		write_paragraphs(out, rule->more ? rule->more : "");
	}
}

/* The keys that a line asks for; NULL when it is a line like others, *@ret_err when it is wrong. */
static const struct config_rule *keys_of(const char *line, int *ret_err)
{
	const struct config_rule *rule, *keys;
	char place[64];

	*ret_err = 0;
	if (sscanf(line, "@KEYS %63[^@]@", place) != 1)
		return NULL;
	rule = config_rule_at(place);
	keys = !rule ? NULL : rule->kind & CONFIG_LIST ? rule->inner->inner : rule->inner;
	if (!keys)
		*ret_err = -ENOENT;
	return keys;
}

int config_page_write(FILE *in, FILE *out)
{
	char line[LINE_MAX_LEN];

	while (fgets(line, sizeof line, in)) {
		int err;
		const struct config_rule *keys = keys_of(line, &err);

		if (err)
			return err;
		if (keys)
			write_keys(out, keys);
		else
			fputs(line, out);
	}
	return ferror(in) || fflush(out) || ferror(out) ? -EIO : 0;
}
