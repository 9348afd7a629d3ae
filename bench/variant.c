/* SPDX-License-Identifier: MIT */
#include "bench/variant.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool take_name(const char *text, size_t len, FILE *messages, struct variant *v)
{
	bool is_good = len > 0 && len < sizeof v->name;

	for (size_t i = 0; i < len; i++)
		is_good = is_good && isgraph((unsigned char)text[i]);
	if (!is_good) {
		fprintf(messages,
		        "vtbench: \"%.*s\": a variant's name has 1 to %u characters, no blanks\n",
		        (int)len, text, VARIANT_NAME_LEN - 1);
		return false;
	}
	memcpy(v->name, text, len);
	v->name[len] = '\0';
	return true;
}

/* ---- settings ---- */

static json_t *value_of(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	return value ? value : json_string(text);
}

/* Sets @path, whose parts dots separate; makes the objects on the way. False when something else is
 * there already, or without memory.
 */
static bool set_at(json_t *object, const char *path, size_t len, json_t *value)
{
	const char *dot;

	while ((dot = memchr(path, '.', len))) {
		size_t part = (size_t)(dot - path);
		json_t *inner = json_object_getn(object, path, part);

		if (!inner && !json_object_setn_new(object, path, part, json_object()))
			inner = json_object_getn(object, path, part);
		if (!json_is_object(inner))
			return false;
		object = inner;
		len -= part + 1;
		path = dot + 1;
	}
	return !json_object_setn(object, path, len, value);
}

static bool is_path(const char *path, size_t len)
{
	unsigned dots = 0;

	for (size_t i = 0; i < len; i++) {
		if (path[i] == '.' && (i == 0 || i == len - 1 || path[i - 1] == '.'))
			return false;
		dots += path[i] == '.';
	}
	return dots > 0;
}

int variant_add_setting(json_t *settings, const char *text, FILE *messages)
{
	const char *equals = strchr(text, '=');

	if (!equals || !is_path(text, (size_t)(equals - text))) {
		fprintf(messages, "vtbench: \"%s\": a setting is SECTION.KEY=VALUE\n", text);
		return -EINVAL;
	}
	json_t *value = value_of(equals + 1);
	bool is_set = value && set_at(settings, text, (size_t)(equals - text), value);
	json_decref(value);
	if (is_set)
		return 0;
	fprintf(messages, "vtbench: \"%s\": contradicts an earlier setting\n", text);
	return -EINVAL;
}

/* ---- vtrunkd ---- */

static int take_links(struct variant *v, const char *text, FILE *messages)
{
	if (text[0] < '1' || text[0] > '0' + (int)TESTBED_LINKS_MAX || text[1]) {
		fprintf(messages, "vtbench: links=%s: 1 to %u links are possible\n", text,
		        TESTBED_LINKS_MAX);
		return -EINVAL;
	}
	v->links = (unsigned)(text[0] - '0');
	return 0;
}

static int take_key(struct variant *v, const char *text, FILE *messages)
{
	if (!strncmp(text, "links=", 6))
		return take_links(v, text + 6, messages);
	if (!strncmp(text, "vtrunkd=", 8)) {
		free(v->program);
		v->program = strdup(text + 8);
		return v->program ? 0 : -ENOMEM;
	}
	return variant_add_setting(v->settings, text, messages);
}

static int take_keys(struct variant *v, const char *text, FILE *messages)
{
	char *keys = strdup(text), *rest = keys, *key;
	int err = keys ? 0 : -ENOMEM;

	while (!err && (key = strsep(&rest, ",")))
		if (*key)
			err = take_key(v, key, messages);
	free(keys);
	return err;
}

int variant_parse(const char *text, unsigned links, const json_t *settings, FILE *messages,
                  struct variant *ret)
{
	size_t len = strcspn(text, ":");
	struct variant v = {.kind = VARIANT_VTRUNKD, .links = links};
	int err;

	if (!take_name(text, len, messages, &v))
		return -EINVAL;
	v.settings = json_deep_copy(settings);
	err = v.settings ? 0 : -ENOMEM;
	if (!err && text[len])
		err = take_keys(&v, text + len + 1, messages);
	if (err)
		variant_fini(&v);
	else
		*ret = v;
	return err;
}

/* ---- others ---- */

int variant_parse_other(const char *text, FILE *messages, struct variant *ret)
{
	struct variant v = {.links = 1};

	if (!strcmp(text, "wireguard-go")) {
		v.kind = VARIANT_WIREGUARD_GO;
	} else if (!strcmp(text, "none")) {
		v.kind = VARIANT_NONE;
	} else {
		fprintf(messages, "vtbench: --vs %s: wireguard-go and none are known\n", text);
		return -EINVAL;
	}
	strcpy(v.name, text);
	*ret = v;
	return 0;
}

/* Copies up to a colon without backslash or the end. Returns where the part ends, @out is
 * terminated.
 */
static const char *copy_part(const char *in, char *out)
{
	for (; *in && *in != ':'; in++) {
		if (in[0] == '\\' && in[1] == ':')
			in++;
		*out++ = *in;
	}
	*out = '\0';
	return in;
}

/* The words of @text and NULL, in one allocation; NULL without memory, words or with too many. */
static char **split_words(const char *text)
{
	size_t table = (VARIANT_WORDS_MAX + 1) * sizeof(char *);
	char **words = malloc(table + strlen(text) + 1);
	unsigned count = 0;
	char *rest, *word;

	if (!words)
		return NULL;
	rest = strcpy((char *)words + table, text);
	while ((word = strsep(&rest, " "))) {
		if (*word && count <= VARIANT_WORDS_MAX)
			words[count++] = word;
	}
	if (!count || count > VARIANT_WORDS_MAX) {
		free(words);
		return NULL;
	}
	words[count] = NULL;
	return words;
}

int variant_parse_exec(const char *text, FILE *messages, struct variant *ret)
{
	struct variant v = {.kind = VARIANT_EXEC, .links = 1};
	char *part = malloc(strlen(text) + 1);

	if (!part)
		return -ENOMEM;
	const char *end = copy_part(text, part);
	bool is_good = take_name(part, strlen(part), messages, &v);
	for (enum side side = CLIENT; is_good && side < SIDES; side++) {
		is_good = *end == ':';
		if (is_good) {
			end = copy_part(end + 1, part);
			v.argv[side] = split_words(part);
			is_good = v.argv[side] != NULL;
		}
	}
	free(part);
	if (is_good && !*end) {
		*ret = v;
		return 0;
	}
	fprintf(messages,
	        "vtbench: --exec \"%s\": NAME:CLIENT_COMMAND:SERVER_COMMAND is expected, with up "
	        "to %u words each\n",
	        text, VARIANT_WORDS_MAX);
	variant_fini(&v);
	return -EINVAL;
}

void variant_fini(struct variant *v)
{
	json_decref(v->settings);
	free(v->program);
	free(v->argv[CLIENT]);
	free(v->argv[SERVER]);
	*v = (struct variant){0};
}
