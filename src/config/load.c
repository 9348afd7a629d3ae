/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/check.h"
#include "config/file.h"
#include "config/raw.h"
#include "config/secrets.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

#define OPTIONAL     CYAML_FLAG_OPTIONAL
#define OPTIONAL_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

#define STRING(type, member) \
	CYAML_FIELD_STRING_PTR(#member, OPTIONAL_PTR, struct type, member, 0, CYAML_UNLIMITED)
#define UINT(type, member) CYAML_FIELD_UINT(#member, OPTIONAL, struct type, member)
#define WORD(type, member, words)                                                           \
	CYAML_FIELD_ENUM(#member, OPTIONAL | CYAML_FLAG_STRICT, struct type, member, words, \
	                 CYAML_ARRAY_LEN(words))
#define LIST(type, member, entry) \
	CYAML_FIELD_SEQUENCE(#member, OPTIONAL_PTR, struct type, member, entry, 0, CYAML_UNLIMITED)
#define MAPPING(type, member, fields) \
	CYAML_FIELD_MAPPING(#member, OPTIONAL, struct type, member, fields)

static const cyaml_strval_t route_words[] = {{"auto", 1}, {"none", 2}};
static const cyaml_strval_t policy_words[] = {
	{"auto", 1 + BONDING_POLICY_AUTO},
	{"require", 1 + BONDING_POLICY_REQUIRE},
	{"off", 1 + BONDING_POLICY_OFF},
};
static const cyaml_strval_t mode_words[] = {
	{"aggregate", 1 + BONDING_AGGREGATE}, {"bonding", 1 + BONDING_AGGREGATE},
	{"bonded", 1 + BONDING_AGGREGATE},    {"redundant", 1 + BONDING_REDUNDANT},
	{"failover", 1 + BONDING_FAILOVER},
};
static const cyaml_strval_t crypto_words[] = {
	{"auto", 1 + CIPHER_AUTO},
	{"sodium", 1 + CIPHER_SODIUM},
	{"ipsec-mb", 1 + CIPHER_IPSEC_MB},
};
static const cyaml_strval_t offload_words[] = {{"auto", 1}, {"off", 2}};
static const cyaml_strval_t level_words[] = {
	{"error", 1 + LOG_LEVEL_ERROR},
	{"warning", 1 + LOG_LEVEL_WARNING},
	{"info", 1 + LOG_LEVEL_INFO},
	{"debug", 1 + LOG_LEVEL_DEBUG},
};
static const cyaml_strval_t format_words[] = {
	{"auto", 1 + LOG_FORMAT_AUTO},
	{"text", 1 + LOG_FORMAT_TEXT},
	{"json", 1 + LOG_FORMAT_JSON},
	{"journal", 1 + LOG_FORMAT_JOURNAL},
};

static const cyaml_schema_value_t string_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};
static const cyaml_schema_value_t cpu_entry = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint16_t)};

static const cyaml_schema_field_t network_fields[] = {
	UINT(raw_network, mtu),
	UINT(raw_network, buffer_size),
	STRING(raw_network, interface),
	STRING(raw_network, address),
	STRING(raw_network, netmask),
	STRING(raw_network, destination),
	LIST(raw_network, addresses, &string_entry),
	WORD(raw_network, routes, route_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t endpoint_fields[] = {
	STRING(raw_endpoint, link),
	STRING(raw_endpoint, address),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_endpoint, endpoint_fields)};
static const cyaml_schema_field_t peer_fields[] = {
	STRING(raw_peer, name),
	STRING(raw_peer, public_key),
	UINT(raw_peer, preshared_key),
	LIST(raw_peer, allowed_ips, &string_entry),
	WORD(raw_peer, bonding_mode, mode_words),
	UINT(raw_peer, persistent_keepalive),
	LIST(raw_peer, endpoints, &endpoint_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_peer, peer_fields)};
static const cyaml_schema_field_t link_fields[] = {
	STRING(raw_link, name),
	STRING(raw_link, bind),
	STRING(raw_link, endpoint),
	STRING(raw_link, device),
	UINT(raw_link, weight),
	CYAML_FIELD_UINT_PTR("fwmark", OPTIONAL_PTR, struct raw_link, fwmark),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t link_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_link, link_fields)};
static const cyaml_schema_field_t wireguard_fields[] = {
	UINT(raw_wireguard, private_key),
	UINT(raw_wireguard, private_key_file),
	STRING(raw_wireguard, peer_public_key),
	UINT(raw_wireguard, preshared_key),
	UINT(raw_wireguard, persistent_keepalive),
	UINT(raw_wireguard, listen_port),
	WORD(raw_wireguard, bonding_mode, mode_words),
	WORD(raw_wireguard, bonding, policy_words),
	UINT(raw_wireguard, error_backoff_secs),
	UINT(raw_wireguard, health_check_interval_ms),
	UINT(raw_wireguard, health_check_timeout_ms),
	LIST(raw_wireguard, peers, &peer_entry),
	LIST(raw_wireguard, links, &link_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t cpus_fields[] = {
	LIST(raw_cpus, control, &cpu_entry),
	LIST(raw_cpus, tun, &cpu_entry),
	LIST(raw_cpus, rx, &cpu_entry),
	LIST(raw_cpus, workers, &cpu_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t dataplane_fields[] = {
	STRING(raw_dataplane, workers),
	MAPPING(raw_dataplane, cpus, cpus_fields),
	WORD(raw_dataplane, crypto, crypto_words),
	UINT(raw_dataplane, busy_poll_us),
	WORD(raw_dataplane, offloads, offload_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t control_fields[] = {
	STRING(raw_control, run_dir),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t logging_fields[] = {
	WORD(raw_logging, level, level_words),
	WORD(raw_logging, format, format_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t document_fields[] = {
	MAPPING(raw_config, network, network_fields),
	MAPPING(raw_config, wireguard, wireguard_fields),
	MAPPING(raw_config, dataplane, dataplane_fields),
	MAPPING(raw_config, control, control_fields),
	MAPPING(raw_config, logging, logging_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t document_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, document_fields)};

static const cyaml_config_t cyaml_settings = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* Loads a normal form, which libcyaml can refuse only for want of memory. */
static int load_normal_form(const char *path, const char *normal, struct config_secrets *secrets,
                            struct desired **ret)
{
	struct raw_config *raw = NULL;
	struct desired *config;

	cyaml_err_t outcome =
		cyaml_load_data((const uint8_t *)normal, strlen(normal), &cyaml_settings,
	                        &document_schema, (cyaml_data_t **)&raw, NULL);
	if (outcome != CYAML_OK)
		return outcome == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;

	config = calloc(1, sizeof *config);
	int err = config ? desired_build(config, path, raw, secrets) : -ENOMEM;
	cyaml_free(&cyaml_settings, &document_schema, raw, 0);
	if (err) {
		desired_free(config);
		return err;
	}
	*ret = config;
	return 0;
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
