/* SPDX-License-Identifier: MIT */
#include "bench/vtrunkd_config.h"

#include <stdio.h>

/* The client knows where the server is, the server waits. */
static json_t *link_object(enum side side, unsigned i)
{
	char ours[TESTBED_ADDRESS_LEN], theirs[TESTBED_ADDRESS_LEN];

	testbed_address(side, i, ours);
	if (side == SERVER)
		return json_pack("{s:o, s:o}", "name", json_sprintf("link-%u", i), "bind",
		                 json_sprintf("%s:%d", ours, TUNNEL_PORT));
	testbed_address(SERVER, i, theirs);
	return json_pack("{s:o, s:s, s:o}", "name", json_sprintf("link-%u", i), "bind", ours,
	                 "endpoint", json_sprintf("%s:%d", theirs, TUNNEL_PORT));
}

static json_t *links_array(const struct vtrunkd_config *config)
{
	json_t *links = json_array();

	for (unsigned i = 1; i <= config->links; i++)
		json_array_append_new(links, link_object(config->side, i));
	return links;
}

char *vtrunkd_config_text(const struct vtrunkd_config *config)
{
	json_t *root = json_pack("{s:{s:i, s:i, s:s, s:[o]}, s:{s:s, s:s, s:s, s:o}}", "network",
	                         "mtu", TUNNEL_MTU, "buffer_size", 65536, "interface",
	                         config->interface, "addresses",
	                         json_sprintf("%s/24", config->address), "wireguard", "private_key",
	                         config->private_key, "peer_public_key", config->peer_public_key,
	                         "bonding_mode", "aggregate", "links", links_array(config));

	if (!root || json_object_update_recursive(root, (json_t *)config->settings)) {
		json_decref(root);
		return NULL;
	}
	char *text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}
