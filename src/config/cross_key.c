/* SPDX-License-Identifier: MIT */
#include "config/cross_key.h"

#include <errno.h>
#include <string.h>

#include "base/key_text.h"
#include "config/key_file.h"
#include "config/node.h"
#include "config/report.h"
#include "config/secrets.h"
#include "config/sections.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

int config_cross_private_key(const struct config_sections *s, struct config_secrets *secrets,
                             uint64_t *ret_number)
{
	const struct config_node *key = config_node_good(s->wireguard, "private_key");
	struct config_node *file = config_node_good(s->wireguard, "private_key_file");
	bool is_key_given = config_node_given(s->wireguard, "private_key");

	*ret_number = 0;
	if (file && is_key_given) {
		config_error_key(s->report, file,
		                 "excludes wireguard.private_key; give one of them");
		return 0;
	}
	if (!is_key_given && !config_node_given(s->wireguard, "private_key_file")) {
		config_error_missing(s->report, s->wireguard, "private_key",
		                     "required but missing; give it or private_key_file; "
		                     "`vtrunkd genkey` makes one");
		return 0;
	}
	if (file) {
		int err = config_key_file_load(file, s->report, secrets);

		if (err)
			return err;
		key = file->is_refused ? NULL : file;
	}
	if (key)
		*ret_number = key->number;
	return 0;
}

void config_cross_public_key(struct config_report *report, struct config_node *node,
                             const uint8_t *private_key)
{
	uint8_t ours[KEY_LEN], theirs[KEY_LEN], shared[KEY_LEN];

	if (!node || !private_key || key_from_base64(theirs, node->text))
		return;
	dh_public(ours, private_key);
	if (!memcmp(ours, theirs, KEY_LEN))
		config_error(
			report, node,
			"must be the peer's public key; this one belongs to our own private key");
	else if (!dh(shared, private_key, theirs))
		config_error(report, node, "must be a usable public key; this one is of low order");
	secret_wipe(shared, sizeof shared);
}

void config_cross_readers(const struct config_sections *s, bool is_world_readable)
{
	const struct config_node *secret = config_node_good(s->wireguard, "private_key");

	if (!secret)
		secret = config_node_good(s->wireguard, "preshared_key");
	for (const struct config_node *peer = s->peers ? s->peers->first : NULL; peer && !secret;
	     peer = peer->next)
		secret = config_node_good(peer, "preshared_key");
	if (secret && is_world_readable)
		config_warning(s->report, secret,
		               "everybody can read this file and the key in it; chmod 0600 keeps "
		               "it secret");
}
