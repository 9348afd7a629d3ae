/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/check.h"
#include "config/file.h"
#include "config/keys.h"
#include "config/raw.h"
#include "config/secrets.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

/* The schema of libcyaml, made from the table of keys while a file is loaded. */
#define OPTIONAL     CYAML_FLAG_OPTIONAL
#define OPTIONAL_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

static bool make_value(const struct config_rule *rule, cyaml_schema_value_t *value);

/* Zero means absent, so words count from 1. False without memory. */
static bool make_words(const struct config_rule *rule, cyaml_schema_value_t *value)
{
	uint32_t count = 0;
	cyaml_strval_t *words;

	while (rule->words[count])
		count++;
	words = calloc(count, sizeof *words);
	for (uint32_t i = 0; words && i < count; i++)
		words[i] = (cyaml_strval_t){rule->words[i],
		                            1 + (rule->meanings ? rule->meanings[i] : i)};
	value->type = CYAML_ENUM;
	value->flags |= CYAML_FLAG_STRICT;
	value->enumeration.strings = words;
	value->enumeration.count = count;
	return words;
}

static bool make_sequence(const struct config_rule *rule, cyaml_schema_value_t *value)
{
	cyaml_schema_value_t *entry = calloc(1, sizeof *entry);

	value->type = CYAML_SEQUENCE;
	value->flags = OPTIONAL_PTR;
	value->sequence.max = CYAML_UNLIMITED;
	value->sequence.entry = entry;
	if (!entry)
		return false;
	bool is_made = make_value(rule->inner, entry);
	value->data_size = (uint32_t)rule->inner->size; /* of an entry, a pointer to a text */
	entry->flags &= ~(unsigned)CYAML_FLAG_OPTIONAL;
	return is_made;
}

static bool make_mapping(const struct config_rule *inner, cyaml_schema_value_t *value)
{
	cyaml_schema_field_t *fields;
	size_t count = 0;

	while (inner[count].key)
		count++;
	fields = calloc(count + 1, sizeof *fields); /* the last one ends them */
	value->type = CYAML_MAPPING;
	value->mapping.fields = fields;
	for (size_t i = 0; fields && i < count; i++) {
		fields[i] = (cyaml_schema_field_t){.key = inner[i].key,
		                                   .data_offset = (uint32_t)inner[i].at,
		                                   .count_offset = (uint32_t)inner[i].count_at,
		                                   .count_size = sizeof(unsigned)};
		if (!make_value(&inner[i], &fields[i].value))
			return false;
	}
	return fields;
}

/* What the normal form writes for a value of @rule (normal.h). False without memory. */
static bool make_value(const struct config_rule *rule, cyaml_schema_value_t *value)
{
	*value = (cyaml_schema_value_t){.flags = OPTIONAL, .data_size = (uint32_t)rule->size};
	if (rule->kind & CONFIG_LIST)
		return make_sequence(rule, value);
	if (rule->kind & CONFIG_MAPPING)
		return make_mapping(rule->inner, value);
	if (rule->kind == CONFIG_WORD)
		return make_words(rule, value);
	if (rule->kind & (CONFIG_SECRET | CONFIG_SECRET_FILE) ||
	    !(rule->kind & (CONFIG_TEXT | CONFIG_WORD))) {
		value->type = CYAML_UINT;
		if (rule->kind & CONFIG_HEX) { /* a pointer, since 0 is a value */
			value->flags = OPTIONAL_PTR;
			value->data_size = sizeof(uint32_t);
		}
		return true;
	}
	value->type = CYAML_STRING;
	value->flags = OPTIONAL_PTR;
	value->data_size = sizeof(char);
	value->string.max = CYAML_UNLIMITED;
	return true;
}

/* All of it, be it half made. */
static void free_value(cyaml_schema_value_t *value)
{
	if (value->type == CYAML_ENUM)
		free((void *)value->enumeration.strings);
	if (value->type == CYAML_SEQUENCE && value->sequence.entry) {
		free_value((void *)value->sequence.entry);
		free((void *)value->sequence.entry);
	}
	if (value->type != CYAML_MAPPING || !value->mapping.fields)
		return;
	for (cyaml_schema_field_t *field = (void *)value->mapping.fields; field->key; field++)
		free_value(&field->value);
	free((void *)value->mapping.fields);
}

static const cyaml_config_t cyaml_settings = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* Loads a normal form under @schema, which libcyaml can refuse only for want of memory. */
static int load_under(const cyaml_schema_value_t *schema, const char *path, const char *normal,
                      struct config_secrets *secrets, struct desired **ret)
{
	struct raw_config *raw = NULL;
	struct desired *desired;

	cyaml_err_t outcome = cyaml_load_data((const uint8_t *)normal, strlen(normal),
	                                      &cyaml_settings, schema, (cyaml_data_t **)&raw, NULL);
	if (outcome != CYAML_OK)
		return outcome == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;

	desired = calloc(1, sizeof *desired);
	int err = desired ? desired_build(desired, path, raw, secrets) : -ENOMEM;
	cyaml_free(&cyaml_settings, schema, raw, 0);
	if (err) {
		desired_free(desired);
		return err;
	}
	*ret = desired;
	return 0;
}

static int load_normal_form(const char *path, const char *normal, struct config_secrets *secrets,
                            struct desired **ret)
{
	cyaml_schema_value_t schema;
	int err = -ENOMEM;

	if (make_value(&config_schema, &schema)) {
		schema.flags = CYAML_FLAG_POINTER;
		err = load_under(&schema, path, normal, secrets, ret);
	}
	free_value(&schema);
	return err;
}

int config_public_key(const char *path, FILE *messages, uint8_t ret[static KEY_LEN])
{
	struct config_secrets secrets = {0};
	struct config_file file = {0};
	uint64_t number;
	uint8_t clamped[KEY_LEN];

	int err = config_file_read(path, messages, &file);
	if (!err)
		err = config_check_identity(
			&(struct config_source){.path = path, .text = file.text, .len = file.len},
			messages, &secrets, &number);
	if (!err) {
		memcpy(clamped, secrets.keys[number - 1], KEY_LEN);
		dh_clamp(clamped);
		dh_public(ret, clamped);
		secret_wipe(clamped, sizeof clamped);
	}
	config_file_fini(&file);
	config_secrets_fini(&secrets);
	secret_wipe_stack();
	return err;
}

int config_load(const char *path, FILE *messages, struct desired **ret)
{
	struct config_secrets secrets = {0};
	struct config_file file = {0};
	char *normal = NULL;

	int err = config_file_read(path, messages, &file);
	if (!err)
		err = config_check(
			&(struct config_source){.path = path,
		                                .text = file.text,
		                                .len = file.len,
		                                .is_world_readable = file.is_world_readable},
			messages, &normal, &secrets);
	if (!err) {
		err = load_normal_form(path, normal, &secrets, ret);
		if (err)
			fprintf(messages, "%s:1:1: document: cannot be loaded: %s\n", path,
			        strerror(-err));
	}
	config_file_fini(&file);
	free(normal);
	config_secrets_fini(&secrets);
	/* The registers hold pieces of the normal form by now, which has no keys. */
	secret_wipe_stack();
	return err;
}
