/* SPDX-License-Identifier: MIT */
#include "config/cross_links.h"

#include <string.h>

#include "base/endpoint.h"
#include "config/desired.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "config/value.h"

/* The device that is named for a link, "" for none. */
static const char *device_of(const struct config_node *link)
{
	const struct config_node *named = config_node_good(link, "device");
	const char *device = named ? named->text : "";

	return strcmp(device, CONFIG_ANY_DEVICE) ? device : "";
}

/* Two sockets may share an address and port when they are tied to different devices. */
static bool binds_clash(const struct config_node *a, const struct config_node *b)
{
	const struct config_node *bind_a = config_node_good(a, "bind"),
				 *bind_b = config_node_good(b, "bind");
	const char *device_a = device_of(a), *device_b = device_of(b);
	struct endpoint x, y;

	if (!bind_a || !bind_b || config_bind_parse(bind_a->text, &x) ||
	    config_bind_parse(bind_b->text, &y))
		return false;
	if (!endpoint_port(&x) || !endpoint_equal(&x, &y))
		return false;
	return !*device_a || !*device_b || !strcmp(device_a, device_b);
}

static void check_binds(const struct config_sections *s)
{
	for (struct config_node *link = s->links ? s->links->first : NULL; link;
	     link = link->next) {
		for (struct config_node *other = s->links->first; other != link;
		     other = other->next) {
			if (!binds_clash(other, link))
				continue;
			config_error(s->report, config_node_find(link, "bind"),
			             "an address and port must be unique; wireguard.links[%zu] has "
			             "the same",
			             other->index);
			break;
		}
	}
}

/* It stands for the bind of a link. */
static void check_listen_port(const struct config_sections *s)
{
	struct config_node *port = config_node_good(s->wireguard, "listen_port");

	if (!port || !s->links || !s->links->first)
		return;
	if (s->links->first->next)
		config_error_key(s->report, port,
		                 "is for a single link; with several give each a bind");
	else if (config_node_given(s->links->first, "bind"))
		config_error_key(s->report, port, "excludes bind of the link; give one of them");
}

void config_cross_links(const struct config_sections *s)
{
	check_binds(s);
	check_listen_port(s);
}
