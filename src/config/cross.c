/* SPDX-License-Identifier: MIT */
#include "config/cross.h"

#include <inttypes.h>
#include <stdint.h>

#include "config/cross_classes.h"
#include "config/cross_endpoints.h"
#include "config/cross_key.h"
#include "config/cross_links.h"
#include "config/cross_names.h"
#include "config/cross_network.h"
#include "config/cross_peers.h"
#include "config/node.h"
#include "config/report.h"
#include "config/routes.h"
#include "config/secrets.h"
#include "config/sections.h"

static void check_health(const struct config_sections *s)
{
	const struct config_node *interval =
		config_node_good(s->wireguard, "health_check_interval_ms");
	struct config_node *timeout = config_node_good(s->wireguard, "health_check_timeout_ms");

	if (interval && timeout && timeout->number <= interval->number)
		config_error(s->report, timeout,
		             "must be more than wireguard.health_check_interval_ms, which is "
		             "%" PRIu64,
		             interval->number);
}

static int check_wireguard(const struct config_sections *s, bool is_world_readable,
                           struct config_secrets *secrets)
{
	uint64_t number;
	int err = config_cross_private_key(s, secrets, &number);

	if (err)
		return err;
	const uint8_t *private_key = number ? secrets->keys[number - 1] : NULL;
	check_health(s);
	config_cross_single_or_list(s);
	config_cross_public_key(s->report, config_node_good(s->wireguard, "peer_public_key"),
	                        private_key);
	config_cross_links(s);
	config_cross_endpoints(s);
	config_cross_readers(s, is_world_readable);
	if ((err = config_cross_names(s, s->links, "link", 0)))
		return err;
	if ((err = config_cross_names(s, s->peers, "peer", 1)))
		return err;
	config_cross_classes(s);
	if ((err = config_cross_names(s, s->classes, "class", 1)))
		return err;
	if ((err = config_cross_peers(s, private_key)))
		return err;
	return config_routes_check(s);
}

int config_cross_check(struct config_node *root, bool is_world_readable,
                       struct config_report *report, struct config_secrets *secrets)
{
	struct config_node *wireguard = config_node_good(root, "wireguard");
	const struct config_sections s = {
		.report = report,
		.network = config_node_good(root, "network"),
		.wireguard = wireguard,
		.links = config_node_good(wireguard, "links"),
		.peers = config_node_good(wireguard, "peers"),
		.classes = config_node_good(wireguard, "classes"),
	};
	int err = s.network ? config_cross_network(&s) : 0;

	return err || !wireguard ? err : check_wireguard(&s, is_world_readable, secrets);
}
