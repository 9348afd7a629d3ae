/* SPDX-License-Identifier: MIT */
#include "config/build_classes.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/desired.h"
#include "config/dscp.h"
#include "config/raw.h"

static int build_prefix(struct prefix *ret, const char *text)
{
	if (!text)
		return 0;
	if (prefix_parse(text, ret))
		return -EINVAL;
	prefix_mask(ret);
	return 0;
}

static int build_match(struct traffic_rule *rule, const struct raw_match *raw)
{
	static const uint8_t protocols[][2] = {
		{0}, {IPPROTO_TCP}, {IPPROTO_UDP}, {IPPROTO_ICMP, IPPROTO_ICMPV6}};

	for (unsigned i = 0; i < raw->dscp_count; i++)
		rule->dscp |= 1ull << config_dscp_of(raw->dscp[i]);
	rule->max_bytes = raw->max_size;
	memcpy(rule->protocol, protocols[raw->protocol], sizeof rule->protocol);
	rule->ports = raw->ports_count;
	if (raw->ports_count)
		memcpy(rule->port, raw->ports, raw->ports_count * sizeof *raw->ports);
	if (build_prefix(&rule->source, raw->source))
		return -EINVAL;
	return build_prefix(&rule->destination, raw->destination);
}

static int build_class(struct desired_class *class, const struct raw_class *raw, unsigned number)
{
	if (raw->name)
		snprintf(class->name, sizeof class->name, "%s", raw->name);
	else
		snprintf(class->name, sizeof class->name, "class-%u", number);
	class->rule.treatment = desired_treatment_of(raw->treat);
	if (class->rule.treatment == TREAT_LINK)
		snprintf(class->link, sizeof class->link, "%s", raw->treat);
	return build_match(&class->rule, &raw->match);
}

int desired_build_classes(struct desired *config, const struct raw_wireguard *raw)
{
	int err = 0;

	if (!raw->classes_count)
		return 0;
	config->classes = calloc(raw->classes_count, sizeof *config->classes);
	if (!config->classes)
		return -ENOMEM;
	config->class_count = raw->classes_count;
	for (unsigned i = 0; i < raw->classes_count && !err; i++)
		err = build_class(&config->classes[i], &raw->classes[i], i + 1);
	return err;
}
