/* SPDX-License-Identifier: MIT */
#include "config/cross_peers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/key_text.h"
#include "base/prefix.h"
#include "config/claim.h"
#include "config/cross_key.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

void config_cross_single_or_list(const struct config_sections *s)
{
	static const char *const single[] = {"peer_public_key", "preshared_key",
	                                     "persistent_keepalive"};

	if (!config_node_given(s->wireguard, "peers")) {
		if (!config_node_given(s->wireguard, "peer_public_key"))
			config_error_missing(s->report, s->wireguard, "peer_public_key",
			                     "required but missing; give it or peers; `vtrunkd "
			                     "pubkey -c FILE` at the other end prints it");
		return;
	}
	for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
		struct config_node *node = config_node_good(s->wireguard, single[i]);

		if (node)
			config_error_key(s->report, node, "excludes wireguard.peers; %s",
			                 i ? "set it for each peer" : "give one of them");
	}
	for (struct config_node *link = s->links ? s->links->first : NULL; link;
	     link = link->next) {
		struct config_node *endpoint = config_node_good(link, "endpoint");

		if (endpoint)
			config_error_key(s->report, endpoint,
			                 "excludes wireguard.peers; set endpoints for each peer");
	}
}

static int check_peer_keys(const struct config_sections *s, const uint8_t *private_key)
{
	size_t count = 0;

	if (!s->peers || !s->peers->count)
		return 0;
	struct config_claim *claims = calloc(s->peers->count, sizeof *claims);
	uint8_t(*keys)[KEY_LEN] = calloc(s->peers->count, sizeof *keys);
	for (struct config_node *peer = s->peers->first; claims && keys && peer;
	     peer = peer->next) {
		struct config_node *node = config_node_good(peer, "public_key");

		if (!node || key_from_base64(keys[count], node->text))
			continue;
		config_cross_public_key(s->report, node, private_key);
		claims[count] = (struct config_claim){keys[count], KEY_LEN, count, count, node};
		count++;
	}
	int err = claims && keys ? 0 : -ENOMEM;
	config_claims_refuse_twins(s->report, claims, count, "a public key");
	free(claims);
	free(keys);
	return err;
}

static size_t count_allowed_ips(const struct config_node *peers)
{
	size_t count = 0;

	for (const struct config_node *peer = peers->first; peer; peer = peer->next) {
		const struct config_node *list = config_node_good(peer, "allowed_ips");

		count += list ? list->count : 0;
	}
	return count;
}

/* Adds the claims of one peer behind the first @count. Returns how many there are then. */
static size_t claim_allowed_ips(const struct config_node *peer, struct config_claim *claims,
                                struct prefix *prefixes, size_t count)
{
	const struct config_node *list = config_node_good(peer, "allowed_ips");

	for (struct config_node *entry = list ? list->first : NULL; entry; entry = entry->next) {
		struct prefix *prefix = &prefixes[count];

		if (entry->is_refused || prefix_parse(entry->text, prefix))
			continue;
		prefix_mask(prefix);
		claims[count] =
			(struct config_claim){prefix, sizeof *prefix, count, peer->index, entry};
		count++;
	}
	return count;
}

static int check_allowed_ips(const struct config_sections *s)
{
	size_t max = s->peers ? count_allowed_ips(s->peers) : 0, count = 0;

	if (!max)
		return 0;
	if (max > ALLOWED_IPS_MAX) {
		config_error(s->report, s->peers,
		             "at most %u allowed_ips are allowed for all peers together",
		             ALLOWED_IPS_MAX);
		return 0;
	}
	struct config_claim *claims = calloc(max, sizeof *claims);
	struct prefix *prefixes = calloc(max, sizeof *prefixes);
	for (struct config_node *peer = s->peers->first; claims && prefixes && peer;
	     peer = peer->next)
		count = claim_allowed_ips(peer, claims, prefixes, count);
	int err = claims && prefixes ? 0 : -ENOMEM;
	config_claims_refuse_twins(s->report, claims, count,
	                           "a prefix among the allowed_ips of all peers");
	free(claims);
	free(prefixes);
	return err;
}

int config_cross_peers(const struct config_sections *s, const uint8_t *private_key)
{
	int err = check_peer_keys(s, private_key);

	return err ? err : check_allowed_ips(s);
}
