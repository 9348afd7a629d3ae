/* SPDX-License-Identifier: MIT */
#include "control/interface.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/config.h"
#include "control/netif.h"
#include "dataplane/tun.h"

#define QUEUE_PKTS \
	1000u /* 12 ms of 1 Gbit/s in full packets: longer than a thread is kept waiting */

_Static_assert(TUN_NAME_LEN == IF_NAMESIZE, "one name, two headers");

/* What a person can do about it. */
static const char *open_hint(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "; this needs root or the capability CAP_NET_ADMIN";
	case EBUSY:
		return "; another program has it open";
	case EINVAL:
		return "; the name is not allowed, or another kind of interface has it";
	case ENOENT:
	case ENODEV:
		return "; /dev/net/tun is not there, try `modprobe tun`";
	default:
		return "";
	}
}

static int add_addresses(struct netif *netif, const struct config *config)
{
	for (size_t i = 0; i < config->address_count; i++) {
		const struct prefix *address = &config->addresses[i];
		bool has_far_end = config->destination.family == address->family;
		int r = netif_add_address(netif, address,
		                          has_far_end ? &config->destination : NULL);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether the kernel made the route to @prefix by itself, together with one of our addresses. */
static bool comes_with_address(const struct config *config, const struct prefix *prefix)
{
	for (size_t i = 0; i < config->address_count; i++) {
		struct prefix network = config->addresses[i];

		if (config->destination.family == network.family)
			memcpy(network.addr, config->destination.addr, sizeof network.addr);
		prefix_mask(&network);
		if (prefix_equal(&network, prefix))
			return true;
	}
	return false;
}

static int add_route(struct netif *netif, const struct config *config, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];
	int r = netif_add_route(netif, prefix);

	if (r == NETIF_EXISTS && !comes_with_address(config, prefix))
		log_warning("interface=%s: a route to %s is there already and stays; what it "
		            "covers may not enter the tunnel",
		            netif->name, prefix_format(prefix, text));
	return r < 0 ? r : 0;
}

static int add_routes(struct netif *netif, const struct config *config)
{
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		for (size_t k = 0; k < peer->allowed_ip_count; k++) {
			int r = add_route(netif, config, &peer->allowed_ips[k]);

			if (r)
				return r;
		}
	}
	return 0;
}

static int set_up(struct netif *netif, const struct config *config)
{
	int r = netif_set_mtu(netif, config->mtu);

	if (!r)
		r = add_addresses(netif, config);
	if (!r)
		r = netif_bring_up(netif);
	if (!r && config->routes_auto)
		r = add_routes(netif, config);
	return r;
}

int interface_open(const struct config *config, char ret_name[static IF_NAMESIZE])
{
	int fd = tun_open(config->interface, QUEUE_PKTS, ret_name);
	struct netif netif;

	if (fd < 0) {
		log_error("interface=%s: cannot create the TUN device: %s%s",
		          *config->interface ? config->interface : "auto", strerror(-fd),
		          open_hint(fd));
		return fd;
	}
	int r = netif_init(&netif, ret_name);
	if (!r)
		r = set_up(&netif, config);
	if (r) {
		log_error("interface=%s: cannot %s", ret_name, netif_error(&netif));
		close(fd);
	}
	netif_fini(&netif);
	return r ? r : fd;
}
