/* SPDX-License-Identifier: MIT */
#include "config/cross_network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/prefix.h"
#include "config/claim.h"
#include "config/desired.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "config/value.h"

static void check_mtu(const struct config_sections *s, bool uses_ipv6)
{
	const struct config_node *mtu = config_node_good(s->network, "mtu");
	struct config_node *buffer_size = config_node_good(s->network, "buffer_size");
	uint64_t bytes = mtu ? mtu->number : CONFIG_MTU_DEFAULT;

	if (!mtu && config_node_given(s->network, "mtu"))
		return;
	if (buffer_size && buffer_size->number < bytes)
		config_error(s->report, buffer_size,
		             "must be at least network.mtu, which is %" PRIu64 "%s", bytes,
		             mtu ? "" : " by default");
	if (!mtu)
		return;
	if (mtu->number < 576)
		config_warning(s->report, mtu, "below 576 many IPv4 programs fail");
	else if (mtu->number < 1280 && uses_ipv6)
		config_warning(s->report, mtu,
		               "IPv6 needs 1280 at least; the kernel will refuse "
		               "the IPv6 address");
	if (mtu->number > INNER_MTU_MAX - CONFIG_TUNNEL_OVERHEAD)
		config_warning(
			s->report, mtu,
			"above %u a full packet does not fit into UDP with WireGuard's header",
			INNER_MTU_MAX - CONFIG_TUNNEL_OVERHEAD);
}

static int text_family(const struct config_node *node)
{
	return strchr(node->text, ':') ? AF_INET6 : AF_INET;
}

static void check_netmask(const struct config_sections *s, const struct config_node *address)
{
	struct config_node *netmask = config_node_good(s->network, "netmask");

	if (!netmask)
		return;
	if (address && config_netmask_len(netmask->text, text_family(address)) < 0)
		config_error(
			s->report, netmask,
			text_family(address) == AF_INET6
				? "must be a prefix length, 0..128, for an IPv6 address"
				: "must be a prefix length, 0..32, or a dotted netmask for an IPv4 "
				  "address");
	else if (!config_node_given(s->network, "address") &&
	         !config_node_given(s->network, "addresses"))
		config_error_key(s->report, netmask, "needs network.address");
}

/* True when one of the addresses is of @family. */
static bool has_address_of(const struct config_sections *s, int family)
{
	const struct config_node *address = config_node_good(s->network, "address");
	const struct config_node *addresses = config_node_good(s->network, "addresses");

	if (address)
		return text_family(address) == family;
	if (!addresses)
		return false;
	for (const struct config_node *entry = addresses->first; entry; entry = entry->next)
		if (!entry->is_refused && text_family(entry) == family)
			return true;
	return false;
}

static void check_destination(const struct config_sections *s)
{
	struct config_node *destination = config_node_good(s->network, "destination");
	const struct config_node *address = config_node_find(s->network, "address");
	const struct config_node *addresses = config_node_find(s->network, "addresses");

	if (!destination || (address && address->is_refused) ||
	    (addresses && addresses->is_refused))
		return;
	if (!has_address_of(s, text_family(destination)))
		config_error(s->report, destination,
		             "needs an %s address in network.address or "
		             "network.addresses",
		             text_family(destination) == AF_INET6 ? "IPv6" : "IPv4");
}

static int check_addresses(const struct config_sections *s)
{
	struct config_node *addresses = config_node_good(s->network, "addresses");
	size_t count = 0;

	if (!addresses)
		return 0;
	for (const char *const *key = (const char *const[]){"address", "netmask", NULL}; *key;
	     key++) {
		struct config_node *node = config_node_good(s->network, *key);

		if (node)
			config_error_key(s->report, node,
			                 "excludes network.addresses; give one of them");
	}
	if (!addresses->count)
		return 0;

	struct config_claim *claims = calloc(addresses->count, sizeof *claims);
	struct prefix *prefixes = calloc(addresses->count, sizeof *prefixes);
	for (struct config_node *entry = addresses->first; claims && prefixes && entry;
	     entry = entry->next) {
		if (entry->is_refused || prefix_parse(entry->text, &prefixes[count]))
			continue;
		prefixes[count].len = 0; /* one address cannot have two lengths */
		claims[count] = (struct config_claim){&prefixes[count], sizeof prefixes[count],
		                                      count, count, entry};
		count++;
	}
	int err = claims && prefixes ? 0 : -ENOMEM;
	config_claims_refuse_twins(s->report, claims, count, "an address");
	free(claims);
	free(prefixes);
	return err;
}

int config_cross_network(const struct config_sections *s)
{
	check_mtu(s, has_address_of(s, AF_INET6));
	check_netmask(s, config_node_good(s->network, "address"));
	check_destination(s);
	return check_addresses(s);
}
