/* SPDX-License-Identifier: MIT */
#include "config/cross_endpoints.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "config/value.h"
#include "vtrunkd/limits.h"

/* AF_UNSPEC when the link may have sockets of both families. */
static int bind_family(const struct config_node *link)
{
	const struct config_node *bind = config_node_good(link, "bind");
	struct endpoint ours, other;

	if (!bind || config_bind_parse(bind->text, &ours))
		return AF_UNSPEC;
	if (!config_bind_is_any_ipv6(&ours))
		return endpoint_family(&ours);
	for (const struct config_node *l = link->parent->first; l; l = l->next) {
		bind = config_node_good(l, "bind");
		if (bind && !config_bind_parse(bind->text, &other) &&
		    config_bind_has_ipv4_of(&other, &ours))
			return AF_INET6;
	}
	return AF_UNSPEC;
}

/* Whether a socket of @link can reach @endpoint, as far as is known without asking DNS. */
static bool families_fit(const struct config_node *link, const struct config_node *endpoint)
{
	int ours = bind_family(link), theirs = config_endpoint_family(endpoint->text);

	return ours == AF_UNSPEC || theirs == AF_UNSPEC || ours == theirs;
}

static void refuse_family(const struct config_sections *s, struct config_node *endpoint)
{
	bool is_ipv6 = config_endpoint_family(endpoint->text) == AF_INET6;

	config_error(s->report, endpoint,
	             "must be of the family of the link's bind, %s; this is %s",
	             is_ipv6 ? "IPv4" : "IPv6", is_ipv6 ? "IPv6" : "IPv4");
}

const struct config_node *config_cross_find_link(const struct config_sections *s, const char *name)
{
	for (const struct config_node *link = s->links->first; link; link = link->next) {
		const struct config_node *given = config_node_good(link, "name");
		char by_default[NAME_LEN];

		snprintf(by_default, sizeof by_default, "link-%zu", link->index);
		if (!strcmp(name, given ? given->text : by_default))
			return link;
	}
	return NULL;
}

static void check_linked_endpoint(const struct config_sections *s, struct config_node *entry)
{
	struct config_node *name = config_node_good(entry, "link"),
			   *address = config_node_good(entry, "address");
	const struct config_node *link = name ? config_cross_find_link(s, name->text) : NULL;

	if (name && !link)
		config_error(s->report, name, "must be the name of one of wireguard.links");
	if (link && address && !families_fit(link, address))
		refuse_family(s, address);
}

/* An endpoint for every link needs one link at least that can reach it. */
static void check_free_endpoint(const struct config_sections *s, struct config_node *address)
{
	for (const struct config_node *link = s->links->first; link; link = link->next)
		if (families_fit(link, address))
			return;
	config_error(s->report, address, "no link can reach it; all of them are bound to %s",
	             config_endpoint_family(address->text) == AF_INET6 ? "IPv4" : "IPv6");
}

static const char *text_or_empty(const struct config_node *node)
{
	return node && node->text ? node->text : "";
}

static void check_endpoint(const struct config_sections *s, struct config_node *entry)
{
	bool is_mapping = entry->kind == CONFIG_NODE_MAPPING;
	struct config_node *address = is_mapping ? config_node_good(entry, "address") : entry;
	const char *link = text_or_empty(is_mapping ? config_node_good(entry, "link") : NULL);

	if (is_mapping && config_node_given(entry, "link"))
		check_linked_endpoint(s, entry);
	else if (address)
		check_free_endpoint(s, address);

	for (const struct config_node *other = entry->parent->first; address && other != entry;
	     other = other->next) {
		bool is_other_mapping = other->kind == CONFIG_NODE_MAPPING;
		const struct config_node *its =
			is_other_mapping ? config_node_good(other, "address") : other;

		if (!strcmp(link, text_or_empty(is_other_mapping ? config_node_good(other, "link")
		                                                 : NULL)) &&
		    !strcmp(address->text, text_or_empty(its))) {
			config_error(s->report, address,
			             "must be unique for the peer and link; line %zu has the same",
			             other->at.line);
			return;
		}
	}
}

void config_cross_endpoints(const struct config_sections *s)
{
	if (!s->links)
		return;
	for (struct config_node *link = s->links->first; link; link = link->next) {
		struct config_node *endpoint = config_node_good(link, "endpoint");

		if (endpoint && !families_fit(link, endpoint))
			refuse_family(s, endpoint);
	}
	for (struct config_node *peer = s->peers ? s->peers->first : NULL; peer;
	     peer = peer->next) {
		const struct config_node *list = config_node_good(peer, "endpoints");

		for (struct config_node *entry = list ? list->first : NULL; entry;
		     entry = entry->next)
			if (!entry->is_refused)
				check_endpoint(s, entry);
	}
}
