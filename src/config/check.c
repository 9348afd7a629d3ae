/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/cross.h"
#include "config/cross_key.h"
#include "config/node.h"
#include "config/normal.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/sections.h"
#include "config/tree.h"
#include "config/walk.h"
#include "config/wg_conf.h"

static int check_tree(struct config_node *root, bool is_world_readable,
                      struct config_report *report, struct config_secrets *secrets)
{
	if (root->kind != CONFIG_NODE_MAPPING) {
		config_error(report, root, "must be a mapping with the keys network and wireguard");
		return 0;
	}
	int err = config_walk(root, &config_schema, report, secrets);
	return err ? err : config_cross_check(root, is_world_readable, report, secrets);
}

/* *@ret is NULL when there is nothing to go on with: an error was reported. */
static int read_tree(const struct config_source *source, struct config_report *report,
                     struct config_node **ret)
{
	size_t line;

	*ret = NULL;
	if (!is_wg_conf(source->text, source->len, &line))
		return config_tree_read(source->text, source->len, report, ret);
	config_error_at(report, (struct config_place){line, 1},
	                "this is a file of wg or wg-quick, and vtrunkd wants YAML; `vtrunkd config "
	                "--output OTHER-FILE` writes one, into which its values go: PrivateKey is "
	                "wireguard.private_key, Address network.addresses, PublicKey "
	                "wireguard.peer_public_key, Endpoint that of each of wireguard.links");
	return 0;
}

/* Says what was found and lets go of it. Returns @err, or what the report makes of 0. */
static int finish(struct config_report *report, struct config_node *root, FILE *messages, int err)
{
	if (!err && report->is_out_of_memory)
		err = -ENOMEM;
	config_report_write(report, messages);
	if (!err && report->errors)
		err = -EINVAL;
	config_report_fini(report);
	config_node_free(root);
	return err;
}

int config_check(const struct config_source *source, FILE *messages, char **ret_normal,
                 struct config_secrets *ret_secrets)
{
	struct config_report report = {.file = source->path};
	struct config_secrets secrets = {0};
	struct config_node *root = NULL;
	char *normal = NULL;

	int err = read_tree(source, &report, &root);
	if (!err && root)
		err = check_tree(root, source->is_world_readable, &report, &secrets);
	if (!err && !report.errors && !(normal = config_normal_form(root)))
		err = -ENOMEM;
	err = finish(&report, root, messages, err);
	if (err) {
		free(normal);
		config_secrets_fini(&secrets);
		return err;
	}
	*ret_normal = normal;
	*ret_secrets = secrets;
	return 0;
}

/* private_key and private_key_file, each against its rule, then both together. */
static int check_private_key(struct config_node *wireguard, struct config_report *report,
                             struct config_secrets *secrets, uint64_t *ret_number)
{
	static const char *const keys[] = {"private_key", "private_key_file"};
	const struct config_rule *rule = config_rule_find(config_schema.inner, "wireguard");
	const struct config_sections sections = {.report = report, .wireguard = wireguard};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct config_node *node = config_node_find(wireguard, keys[i]);
		int err = 0;

		if (node)
			err = config_walk(node, config_rule_find(rule->inner, keys[i]), report,
			                  secrets);
		if (err)
			return err;
	}
	return config_cross_private_key(&sections, secrets, ret_number);
}

int config_check_identity(const struct config_source *source, FILE *messages,
                          struct config_secrets *ret_secrets, uint64_t *ret_number)
{
	struct config_report report = {.file = source->path};
	struct config_secrets secrets = {0};
	struct config_node *root = NULL, *wireguard = NULL;
	uint64_t number = 0;

	int err = read_tree(source, &report, &root);
	if (!err && root && root->kind == CONFIG_NODE_MAPPING)
		wireguard = config_node_find(root, "wireguard");
	if (wireguard && wireguard->kind == CONFIG_NODE_MAPPING)
		err = check_private_key(wireguard, &report, &secrets, &number);
	if (!err && !number && !report.errors)
		config_error_at(&report, (struct config_place){1, 1},
		                "wireguard.private_key is missing; `vtrunkd genkey` makes one");
	err = finish(&report, root, messages, err);
	if (err) {
		config_secrets_fini(&secrets);
		return err;
	}
	*ret_secrets = secrets;
	*ret_number = number;
	return 0;
}
