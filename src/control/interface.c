/* SPDX-License-Identifier: MIT */
#include "control/interface.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "control/config.h"
#include "control/netif.h"
#include "dataplane/engine.h"

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

	if (!r && (r = netif_keep_quiet(netif)) == NETIF_SKIPPED)
		r = 0;
	if (!r)
		r = add_addresses(netif, config);
	if (!r)
		r = netif_bring_up(netif);
	if (!r && config->routes_auto)
		r = add_routes(netif, config);
	return r;
}

/* What the device cannot do is worth knowing where speed matters. */
static void log_offloads(const struct tun *tun, const struct config *config)
{
	if (!config->has_offloads || (tun->takes.tcp4 && tun->takes.udp4))
		return;
	if (tun->takes.tcp4)
		log_info("interface=%s: the kernel has no segmentation offload for UDP on TUN "
		         "devices (Linux 6.2 has), only TCP uses it",
		         tun->name);
	else
		log_warning("interface=%s: the TUN device has no segmentation offload, packets "
		            "pass one by one",
		            tun->name);
}

int interface_open(const struct config *config, unsigned workers, struct tun *ret_tun)
{
	struct tun_settings set = {.name = config->interface,
	                           .queue_len_pkts = QUEUE_PKTS,
	                           .queues = engine_queues_for(workers),
	                           .has_offloads = config->has_offloads};
	struct netif netif;
	int r = tun_open(ret_tun, &set);

	if (r) {
		log_error("interface=%s: cannot create the TUN device: %s%s",
		          *config->interface ? config->interface : "auto", strerror(-r),
		          open_hint(r));
		return r;
	}
	r = netif_init(&netif, ret_tun->name);
	if (!r)
		r = set_up(&netif, config);
	if (r) {
		log_error("interface=%s: cannot %s", ret_tun->name, netif_error(&netif));
		tun_close(ret_tun);
	} else {
		log_offloads(ret_tun, config);
	}
	netif_fini(&netif);
	return r;
}
