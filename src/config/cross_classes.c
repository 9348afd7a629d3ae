/* SPDX-License-Identifier: MIT */
#include "config/cross_classes.h"

#include <string.h>
#include <strings.h>

#include "config/cross_endpoints.h"
#include "config/desired.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"

static void check_treatment(const struct config_sections *s, struct config_node *treat)
{
	if (desired_treatment_of(treat->text) == TREAT_LINK && s->links &&
	    !config_cross_find_link(s, treat->text))
		config_error(s->report, treat,
		             "must be fastest, duplicate, balanced or the name of one of "
		             "wireguard.links; this is another word");
}

static void check_ports(const struct config_sections *s, const struct config_node *match)
{
	const struct config_node *protocol = config_node_good(match, "protocol");
	struct config_node *ports = config_node_good(match, "ports");

	if (ports && protocol && !strcasecmp(protocol->text, "icmp"))
		config_error(s->report, ports, "icmp has no ports");
}

static void check_families(const struct config_sections *s, const struct config_node *match)
{
	const struct config_node *source = config_node_good(match, "source");
	struct config_node *destination = config_node_good(match, "destination");

	if (source && destination && !strchr(source->text, ':') != !strchr(destination->text, ':'))
		config_error(s->report, destination, "must be of the family of source");
}

void config_cross_classes(const struct config_sections *s)
{
	for (const struct config_node *class = s->classes ? s->classes->first : NULL; class;
	     class = class->next) {
		struct config_node *treat = config_node_good(class, "treat");
		const struct config_node *match = config_node_good(class, "match");

		if (treat)
			check_treatment(s, treat);
		check_ports(s, match);
		check_families(s, match);
	}
}
