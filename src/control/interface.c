/* SPDX-License-Identifier: MIT */
#include "control/interface.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "config/desired.h"
#include "control/interface_plan.h"
#include "control/netif.h"
#include "control/route_changes.h"
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

/* What is being done to the device. */
struct setup {
	struct netif netif;
	const struct interface_plan *plan;
	bool is_first;              /* they were never there; else put back */
	bool has_no_ipv6;           /* told so */
	unsigned addresses, routes; /* that were not there */
};

/* With IPv6 off - by sysctl, at boot, or by an MTU too small for it - the rest works without.
 * Returns what is left of the error @r about @prefix.
 */
static int without_ipv6(struct setup *s, const struct prefix *prefix, int r)
{
	if (prefix->family != AF_INET6 ||
	    (r != -EACCES && r != -EOPNOTSUPP && r != -EAFNOSUPPORT && r != -ENODEV))
		return r;
	if (!s->has_no_ipv6 && s->is_first)
		log_warning("interface=%s: IPv6 is off here, cannot %s; IPv6 addresses and routes "
		            "are left out, IPv4 goes on",
		            s->netif.name, netif_error(&s->netif));
	s->has_no_ipv6 = true;
	return NETIF_SKIPPED;
}

static int add_addresses(struct setup *s)
{
	const struct interface_plan *plan = s->plan;

	for (size_t i = 0; i < plan->address_count; i++) {
		const struct prefix *address = &plan->addresses[i];
		bool has_far_end = plan->destination.family == address->family;
		int r = netif_add_address(&s->netif, address,
		                          has_far_end ? &plan->destination : NULL);

		r = without_ipv6(s, address, r);
		if (r < 0)
			return r;
		s->addresses += r == 0;
	}
	return 0;
}

static int add_route(struct setup *s, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];
	int r = without_ipv6(s, prefix, netif_add_route(&s->netif, prefix));

	if (r == NETIF_EXISTS && s->is_first && !interface_plan_comes_by_itself(s->plan, prefix))
		log_warning("interface=%s: a route to %s is there already and stays; what it "
		            "covers may not enter the tunnel",
		            s->netif.name, prefix_format(prefix, text));
	s->routes += r == 0;
	return r < 0 ? r : 0;
}

static int add_routes(struct setup *s)
{
	for (size_t i = 0; i < s->plan->route_count; i++) {
		int r = add_route(s, &s->plan->routes[i]);

		if (r)
			return r;
	}
	return 0;
}

static int set_up(struct setup *s, uint32_t mtu)
{
	int r = netif_set_mtu(&s->netif, mtu);

	if (!r && (r = netif_keep_quiet(&s->netif)) == NETIF_SKIPPED)
		r = 0;
	if (!r)
		r = add_addresses(s);
	if (!r)
		r = netif_bring_up(&s->netif);
	if (!r)
		r = add_routes(s);
	return r;
}

/* What the device cannot do is worth knowing where speed matters. */
static void log_offloads(const struct tun *tun, const struct desired *config)
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

static int open_device(const struct desired *config, unsigned workers, struct tun *ret_tun)
{
	struct tun_settings set = {.name = config->interface,
	                           .queue_len_pkts = QUEUE_PKTS,
	                           .queues = engine_queues_for(workers),
	                           .has_offloads = config->has_offloads};
	int r = tun_open(ret_tun, &set);

	if (r)
		log_error("interface=%s: cannot create the TUN device: %s%s",
		          *config->interface ? config->interface : "auto", strerror(-r),
		          open_hint(r));
	return r;
}

static int set_up_device(const struct interface_plan *plan, const struct desired *config,
                         const char *name)
{
	struct setup setup = {.plan = plan, .is_first = true};
	int r = netif_init(&setup.netif, name);

	if (!r)
		r = set_up(&setup, config->mtu);
	if (r)
		log_error("interface=%s: cannot %s", name, netif_error(&setup.netif));
	netif_fini(&setup.netif);
	return r;
}

int interface_open(const struct desired *config, unsigned workers, struct tun *ret_tun)
{
	struct interface_plan plan;
	int r = open_device(config, workers, ret_tun);

	if (r)
		return r;
	r = interface_plan_init(&plan, config);
	if (r)
		log_error("interface=%s: no memory for its routes", ret_tun->name);
	else
		r = set_up_device(&plan, config, ret_tun->name);
	interface_plan_fini(&plan);
	if (r)
		tun_close(ret_tun);
	else
		log_offloads(ret_tun, config);
	return r;
}

void interface_put_back(const struct interface_plan *plan, const char *name)
{
	struct setup setup = {.plan = plan};
	int r = netif_init(&setup.netif, name);

	if (!r)
		r = add_addresses(&setup);
	if (!r)
		r = add_routes(&setup);
	if (setup.addresses || setup.routes)
		log_info("interface=%s: put back what it had lost: %u address%s, %u route%s", name,
		         setup.addresses, setup.addresses == 1 ? "" : "es", setup.routes,
		         setup.routes == 1 ? "" : "s");
	if (r)
		log_warning("interface=%s: cannot %s", name, netif_error(&setup.netif));
	netif_fini(&setup.netif);
}

/* ---- other routes ---- */

static void warn(const struct setup *s, int r)
{
	if (r < 0)
		log_warning("interface=%s: cannot %s", s->netif.name, netif_error(&s->netif));
}

/* Where IPv6 is off there are none of its own. */
static unsigned remove_route(struct setup *s, const struct prefix *prefix)
{
	int r = netif_remove_route(&s->netif, prefix);

	warn(s, without_ipv6(s, prefix, r));
	return r == 0;
}

static void change_routes(struct setup *s, const struct route_changes *changes)
{
	unsigned removed = 0;

	for (size_t i = 0; i < changes->remove_count; i++)
		removed += remove_route(s, &changes->remove[i]);
	s->is_first = true;
	for (size_t i = 0; i < changes->add_count; i++)
		warn(s, add_route(s, &changes->add[i]));
	log_info("interface=%s: %u route%s added, %u removed", s->netif.name, s->routes,
	         s->routes == 1 ? "" : "s", removed);
}

void interface_change_routes(const struct interface_plan *plan, const struct route_changes *changes,
                             const struct netif *netif)
{
	struct setup setup = {.plan = plan, .netif = *netif};

	if (route_changes_is_empty(changes))
		return;
	if (netif->nl)
		change_routes(&setup, changes);
	else
		warn(&setup, -ENODEV);
}
