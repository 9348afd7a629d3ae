/* SPDX-License-Identifier: MIT */
/* netif.h - sets up one network interface through rtnetlink: MTU, up, addresses, routes.
 *
 * Used for our TUN device. When that goes, the kernel removes its addresses and routes, so there is
 * nothing to undo at the end; the removing calls serve a changed configuration. Every call returns
 * 0, a positive outcome, or a negative errno, and then netif_error() says which step failed.
 * Needs CAP_NET_ADMIN. One thread (control), or start-up.
 */
#ifndef CONTROL_NETIF_H
#define CONTROL_NETIF_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/prefix.h"

/* Marks our routes, as "proto 118" ('v') in `ip route`; nobody is listed with it in rt_protos. */
#define NETIF_ROUTE_PROTOCOL 118u

enum netif_outcome {
	NETIF_EXISTS = 1, /* the same address, or a route for that prefix and metric - perhaps out
	                   * of another interface - was there and stays
	                   */
	NETIF_SKIPPED,    /* a default route is not ours to set */
	NETIF_ABSENT,     /* nothing to remove */
};

#define NETIF_ERROR_LEN 200u

/* All zero: not open. */
struct netif {
	struct mnl_socket *nl;
	uint32_t seq;
	int index;
	char name[IF_NAMESIZE];
	char error[NETIF_ERROR_LEN];
};

/* For the interface called @name; -ENODEV when there is none. On failure too netif_error() may be
 * asked and netif_fini() may be called.
 */
int netif_init(struct netif *netif, const char *name);
void netif_fini(struct netif *netif);

/* The step that failed last and why: "add route 10.2.0.0/16 to vtrunkd0: Network is down". Valid
 * until the next call.
 */
const char *netif_error(const struct netif *netif);

int netif_set_mtu(struct netif *netif, uint32_t inner_mtu);

/* No address and no multicast that the kernel makes by itself, as on its own wireguard devices: a
 * TUN device would get an fe80:: address, ask for routers from it and report its multicast groups,
 * all of it into the tunnel. Before it is brought up. A kernel without IPv6 has nothing to be told.
 */
int netif_keep_quiet(struct netif *netif);

/* Before the routes: they need an interface that is up. */
int netif_bring_up(struct netif *netif);

/* Adds the host address in @address with its prefix length. With @destination (its length does not
 * matter, NULL for none) that is the far end of a point-to-point interface, and the network of
 * @address->len bits around it is what becomes reachable. -EINVAL when the families differ. May
 * return NETIF_EXISTS.
 */
int netif_add_address(struct netif *netif, const struct prefix *address,
                      const struct prefix *destination);

/* Adds a route to the network of @prefix out of the interface, into the main table with the
 * system's default metric. May return NETIF_EXISTS or, for length 0, NETIF_SKIPPED.
 */
int netif_add_route(struct netif *netif, const struct prefix *prefix);

/* Take back what the calls above added. May return NETIF_ABSENT, netif_remove_route() also
 * NETIF_SKIPPED; routes of another protocol or interface stay.
 */
int netif_remove_address(struct netif *netif, const struct prefix *address);
int netif_remove_route(struct netif *netif, const struct prefix *prefix);

/* How many packets the kernel dropped before whoever reads the device got them: of a TUN device
 * those that its queue had no room for. Since the device was made.
 */
int netif_tx_dropped(struct netif *netif, uint64_t *ret);

/* The interface's index, or a negative errno: -ENODEV. Any thread. */
int netif_index(const char *name);

/* True when the interface exists, is up and has a carrier. Any thread. */
bool netif_is_usable(const char *name);

#endif
