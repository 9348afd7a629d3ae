/* SPDX-License-Identifier: MIT */
#include "config/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/prefix.h"
#include "config/desired.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "config/value.h"
#include "vtrunkd/limits.h"

/* An endpoint with a numeric address that some link reaches by the routing table. */
struct led_endpoint {
	struct prefix address; /* of the full length */
	size_t line;
};

struct ways {
	struct config_report *report;
	const struct config_node *links, *peers;
	bool has_routes; /* allowed IPs become routes */
	struct led_endpoint *led;
	size_t led_count;
};

static const struct config_node *address_of(const struct config_node *endpoint)
{
	return endpoint->kind == CONFIG_NODE_MAPPING ? config_node_good(endpoint, "address")
	                                             : endpoint;
}

/* Whether the endpoint is meant for @link, as far as names tell. */
static bool is_meant_for(const struct config_node *endpoint, const struct config_node *link)
{
	const struct config_node *wanted =
		endpoint->kind == CONFIG_NODE_MAPPING ? config_node_good(endpoint, "link") : NULL;
	const struct config_node *name = config_node_good(link, "name");
	char by_default[NAME_LEN];

	if (!wanted)
		return true;
	snprintf(by_default, sizeof by_default, "link-%zu", link->index);
	return !strcmp(wanted->text, name ? name->text : by_default);
}

/* Whether the socket of @link is of the family of @address, a name being of any. */
static bool families_fit(const struct config_node *link, const struct config_node *address)
{
	const struct config_node *bind = config_node_good(link, "bind");
	int theirs = config_endpoint_family(address->text);
	struct endpoint ours;

	return !bind || theirs == AF_UNSPEC || config_bind_parse(bind->text, &ours) ||
	       endpoint_family(&ours) == theirs;
}

/* An address alone picks a device; a mark leaves that to rules. */
static bool has_device(const struct config_node *link)
{
	const struct config_node *device = config_node_good(link, "device");
	const struct config_node *bind = config_node_good(link, "bind");
	struct endpoint at;

	if (device)
		return strcmp(device->text, CONFIG_ANY_DEVICE);
	return bind && !config_node_good(link, "fwmark") && !config_bind_parse(bind->text, &at) &&
	       !endpoint_is_wildcard(&at);
}

/* How many links there are for @endpoint; with @only_led of those that the routing table leads. */
static unsigned count_links(const struct ways *w, const struct config_node *endpoint, bool only_led)
{
	const struct config_node *address = address_of(endpoint);
	unsigned count = 0;

	for (const struct config_node *link = w->links->first; address && link; link = link->next)
		count += is_meant_for(endpoint, link) && families_fit(link, address) &&
		         !(only_led && has_device(link));
	return count;
}

static void note_endpoint(struct ways *w, const struct config_node *endpoint)
{
	const struct config_node *address = address_of(endpoint);
	struct led_endpoint *led = &w->led[w->led_count];
	struct endpoint ep;

	if (!address || endpoint_parse(address->text, 0, &ep) || !count_links(w, endpoint, true))
		return;
	*led = (struct led_endpoint){.line = address->at.line};
	led->address.family = (uint8_t)endpoint_family(&ep);
	led->address.len = endpoint_family(&ep) == AF_INET ? 32 : 128;
	if (endpoint_family(&ep) == AF_INET)
		memcpy(led->address.addr, &ep.in4.sin_addr, sizeof ep.in4.sin_addr);
	else
		memcpy(led->address.addr, &ep.in6.sin6_addr, sizeof ep.in6.sin6_addr);
	w->led_count++;
}

static int compare(const struct prefix *a, const struct prefix *b)
{
	return a->family != b->family ? a->family - b->family
	                              : memcmp(a->addr, b->addr, sizeof a->addr);
}

static int compare_led(const void *a, const void *b)
{
	const struct led_endpoint *x = a, *y = b;
	int order = compare(&x->address, &y->address);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* The first endpoint within @prefix, or NULL. */
static const struct led_endpoint *find_within(const struct ways *w, const struct prefix *prefix)
{
	size_t from = 0, to = w->led_count;
	struct prefix cut;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&w->led[middle].address, prefix) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == w->led_count)
		return NULL;
	cut = w->led[from].address;
	cut.len = prefix->len;
	prefix_mask(&cut);
	return prefix_equal(&cut, prefix) ? &w->led[from] : NULL;
}

/* A prefix of length 0 never becomes a route. */
static void check_allowed_ip(const struct ways *w, const struct config_node *node)
{
	const struct led_endpoint *held;
	struct prefix prefix;

	if (node->is_refused || prefix_parse(node->text, &prefix) || prefix.len == 0)
		return;
	prefix_mask(&prefix);
	held = find_within(w, &prefix);
	if (held && w->has_routes)
		config_warning(w->report, node,
		               "holds the endpoint in line %zu; the daemon keeps a route to it "
		               "beside the tunnel, and nothing else reaches it through the tunnel",
		               held->line);
	else if (held)
		config_warning(w->report, node,
		               "holds the endpoint in line %zu; a route for this into the tunnel "
		               "must leave the endpoint out, or the links need a device",
		               held->line);
}

static int check_overlaps(struct ways *w)
{
	size_t count = 0;

	for (const struct config_node *peer = w->peers->first; peer; peer = peer->next) {
		const struct config_node *list = config_node_good(peer, "endpoints");

		count += list ? list->count : 0;
	}
	if (!count)
		return 0;
	w->led = calloc(count, sizeof *w->led);
	if (!w->led)
		return -ENOMEM;
	for (const struct config_node *peer = w->peers->first; peer; peer = peer->next) {
		const struct config_node *list = config_node_good(peer, "endpoints");

		for (const struct config_node *e = list ? list->first : NULL; e; e = e->next)
			if (!e->is_refused)
				note_endpoint(w, e);
	}
	qsort(w->led, w->led_count, sizeof *w->led, compare_led);
	for (const struct config_node *peer = w->peers->first; peer; peer = peer->next) {
		const struct config_node *list = config_node_good(peer, "allowed_ips");

		for (const struct config_node *ip = list ? list->first : NULL; ip; ip = ip->next)
			check_allowed_ip(w, ip);
	}
	free(w->led);
	return 0;
}

/* Each link with each endpoint that it is meant for makes a path. */
static void check_path_count(const struct ways *w, const struct config_node *peer)
{
	const struct config_node *list = config_node_good(peer, "endpoints");
	unsigned paths = 0;

	for (const struct config_node *e = list ? list->first : NULL; e; e = e->next)
		if (!e->is_refused)
			paths += count_links(w, e, false);
	if (paths > PATHS_MAX)
		config_warning(w->report, list,
		               "makes %u paths with the links, of which only %u can be used; name "
		               "the link that each endpoint is for",
		               paths, PATHS_MAX);
}

/* Whether both name the same device, or the same address and no device. */
static bool is_one_line(const struct config_node *a, const struct config_node *b)
{
	const struct config_node *device_a = config_node_good(a, "device");
	const struct config_node *device_b = config_node_good(b, "device");
	const struct config_node *bind = config_node_find(b, "bind");
	struct endpoint x, y;

	if (bind && bind->is_refused)
		return false;
	if (!has_device(a) || !has_device(b) || !device_a != !device_b)
		return false;
	if (device_a)
		return !strcmp(device_a->text, device_b->text);
	if (config_bind_parse(config_node_good(a, "bind")->text, &x) ||
	    config_bind_parse(config_node_good(b, "bind")->text, &y))
		return false;
	endpoint_set_port(&x, 0);
	endpoint_set_port(&y, 0);
	return endpoint_equal(&x, &y);
}

static void check_lines(const struct ways *w)
{
	for (const struct config_node *link = w->links->first; link; link = link->next) {
		for (const struct config_node *other = w->links->first; other != link;
		     other = other->next) {
			if (!is_one_line(other, link))
				continue;
			config_warning(w->report, link,
			               "leaves by the same device as wireguard.links[%zu]; two "
			               "links on one line carry no more than one",
			               other->index);
			break;
		}
	}
}

int config_routes_check(const struct config_sections *s)
{
	const struct config_node *routes = config_node_good(s->network, "routes");
	struct ways w = {.report = s->report,
	                 .links = s->links,
	                 .peers = s->peers,
	                 .has_routes = !routes || routes->number == 0 /* the word "auto" */};

	if (w.links)
		check_lines(&w);
	if (!w.links || !w.peers)
		return 0;
	for (const struct config_node *peer = w.peers->first; peer; peer = peer->next)
		check_path_count(&w, peer);
	return check_overlaps(&w);
}
