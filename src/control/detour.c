/* SPDX-License-Identifier: MIT */
#include "control/detour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/desired.h"
#include "control/netif.h"
#include "dataplane/allowedips.h"

/* All allowed IPs that become routes. */
static struct allowedips *build_ahead(const struct desired *config, struct detours *owner)
{
	size_t len = 0, n = 0;

	for (size_t i = 0; i < config->peer_count; i++)
		len += config->peers[i].allowed_ip_count;
	struct allowedips_entry *entries = calloc(len + 1, sizeof *entries);
	if (!entries)
		return NULL;
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct desired_peer *peer = &config->peers[i];

		for (size_t k = 0; k < peer->allowed_ip_count; k++)
			if (peer->allowed_ips[k].len > 0)
				entries[n++] =
					(struct allowedips_entry){peer->allowed_ips[k], owner};
	}
	struct allowedips *table = allowedips_build(entries, n);
	free(entries);
	return table;
}

int detours_init(struct detours *detours, const struct desired *config, const char *interface)
{
	*detours = (struct detours){.ifindex = netif_index(interface)};
	strncpy(detours->interface, interface, sizeof detours->interface - 1);
	if (detours_ready(detours, config))
		return -ENOMEM;
	detours_begin(detours);
	return 0;
}

void detours_fini(struct detours *detours)
{
	for (unsigned i = 0; i < detours->count; i++)
		if (detours->entry[i].is_set)
			route_clear_host(&detours->entry[i].to, &detours->entry[i].hop);
	allowedips_destroy(detours->ahead);
	detours_drop(detours);
	detours->ahead = NULL;
	detours->count = 0;
}

static bool is_ahead(const struct detours *detours, const struct endpoint *to)
{
	if (endpoint_family(to) == AF_INET)
		return allowedips_lookup4(detours->ahead, (const uint8_t *)&to->in4.sin_addr);
	return allowedips_lookup6(detours->ahead, to->in6.sin6_addr.s6_addr);
}

static const char *format_address(const struct endpoint *ep, char buf[static INET6_ADDRSTRLEN])
{
	if (endpoint_family(ep) == AF_INET)
		inet_ntop(AF_INET, &ep->in4.sin_addr, buf, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &ep->in6.sin6_addr, buf, INET6_ADDRSTRLEN);
	return buf;
}

/* Why the endpoint cannot be kept; said once until it can. */
static void tell_lost(const struct detours *detours, struct detour *d, int err)
{
	char text[INET6_ADDRSTRLEN];

	if (!d->is_told)
		log_warning("interface=%s: routes of allowed IPs hold the endpoint %s, and there "
		            "is no way to it beside the tunnel, %s; waiting for one",
		            detours->interface, format_address(&d->to, text), strerror(-err));
	d->is_told = true;
}

static void refresh(const struct detours *detours, struct detour *d)
{
	char text[INET6_ADDRSTRLEN], name[IF_NAMESIZE] = "?";
	struct route_hop hop;
	bool has_host;
	int device = route_device(&d->to, &d->from, d->mark);
	int r = route_beside(detours->ifindex, &d->to, &hop, &has_host);

	if (!d->is_set && !has_host && device != detours->ifindex)
		return; /* it does not enter the tunnel */
	if (!r && d->is_set && device == hop.ifindex && route_hop_equal(&hop, &d->hop))
		return;
	if (!r)
		r = route_set_host(&d->to, &hop);
	if (r) {
		d->is_set = false; /* the system took it together with its device */
		tell_lost(detours, d, r);
		return;
	}
	d->is_set = true;
	d->is_told = false;
	d->hop = hop;
	if_indextoname((unsigned)hop.ifindex, name);
	log_info("interface=%s: routes of allowed IPs hold the endpoint %s, a route to it by %s "
	         "keeps it out of the tunnel",
	         detours->interface, format_address(&d->to, text), name);
}

static struct detour *find(struct detours *detours, const struct detour *wanted)
{
	for (unsigned i = 0; i < detours->count; i++) {
		struct detour *d = &detours->entry[i];

		if (endpoint_equal(&d->to, &wanted->to) &&
		    endpoint_equal(&d->from, &wanted->from) && d->mark == wanted->mark)
			return d;
	}
	return NULL;
}

static void add(struct detours *detours, const struct detour *d)
{
	if (detours->count == DETOURS_MAX) {
		if (!detours->is_full)
			log_warning("interface=%s: routes of allowed IPs hold more than %u "
			            "endpoints; the rest is not kept out of the tunnel",
			            detours->interface, DETOURS_MAX);
		detours->is_full = true;
		return;
	}
	detours->entry[detours->count] = *d;
	refresh(detours, &detours->entry[detours->count++]);
}

void detours_keep(struct detours *detours, const struct endpoint *to, const struct endpoint *from,
                  uint32_t mark)
{
	struct detour d = {.to = *to, .from = *from, .mark = mark, .is_wanted = true}, *known;

	endpoint_set_port(&d.to, 0);
	endpoint_set_port(&d.from, 0);
	if (!detours->ahead || !is_ahead(detours, to))
		return;
	known = find(detours, &d);
	if (known)
		known->is_wanted = true;
	else
		add(detours, &d);
}

/* ---- other allowed IPs ---- */

int detours_ready(struct detours *detours, const struct desired *wanted)
{
	if (!wanted->routes_auto)
		return 0;
	detours->coming = build_ahead(wanted, detours);
	return detours->coming ? 0 : -ENOMEM;
}

void detours_drop(struct detours *detours)
{
	allowedips_destroy(detours->coming);
	detours->coming = NULL;
}

void detours_begin(struct detours *detours)
{
	allowedips_destroy(detours->ahead);
	detours->ahead = detours->coming;
	detours->coming = NULL;
	for (unsigned i = 0; i < detours->count; i++)
		detours->entry[i].is_wanted = false;
}

/* Whether the host route serves another, from another address of ours or with another mark. */
static bool is_shared(const struct detours *detours, const struct detour *d)
{
	for (unsigned i = 0; i < detours->count; i++) {
		const struct detour *other = &detours->entry[i];

		if (other != d && other->is_wanted && endpoint_equal(&other->to, &d->to))
			return true;
	}
	return false;
}

void detours_end(struct detours *detours)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < detours->count; i++) {
		struct detour *d = &detours->entry[i];

		if (!d->is_wanted && d->is_set && !is_shared(detours, d))
			route_clear_host(&d->to, &d->hop);
	}
	for (unsigned i = 0; i < detours->count; i++)
		if (detours->entry[i].is_wanted)
			detours->entry[kept++] = detours->entry[i];
	detours->count = kept;
	detours->is_full = false;
	detours_refresh(detours);
}

void detours_refresh(struct detours *detours)
{
	for (unsigned i = 0; i < detours->count; i++)
		refresh(detours, &detours->entry[i]);
}
