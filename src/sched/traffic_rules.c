/* SPDX-License-Identifier: MIT */
#include "sched/traffic_rules.h"

#include <stdlib.h>
#include <string.h>

struct traffic_rules *traffic_rules_new(unsigned len)
{
	struct traffic_rules *rules = calloc(1, sizeof *rules + len * sizeof rules->rule[0]);

	if (rules)
		rules->len = len;
	return rules;
}

static void free_rules(struct rcu_head *head)
{
	free(caa_container_of(head, struct traffic_rules, rcu));
}

void traffic_rules_retire(struct traffic_rules *rules)
{
	if (rules)
		call_rcu(&rules->rcu, free_rules);
}

/* ---- what matches ---- */

static bool has_protocol(const struct traffic_rule *rule, uint8_t protocol)
{
	return !rule->protocol[0] || rule->protocol[0] == protocol ||
	       (rule->protocol[1] && rule->protocol[1] == protocol);
}

static bool has_port(const struct traffic_rule *rule, const struct traffic_facts *facts)
{
	for (unsigned i = 0; i < rule->ports; i++) {
		if (rule->port[i] == facts->source_port || rule->port[i] == facts->destination_port)
			return true;
	}
	return !rule->ports;
}

static bool contains(const struct prefix *prefix, const uint8_t *address, bool is_v6)
{
	unsigned bytes = prefix->len / 8, bits = prefix->len % 8;

	if (!prefix->family)
		return true;
	if (!address || (prefix->family == AF_INET6) != is_v6 ||
	    memcmp(prefix->addr, address, bytes))
		return false;
	return !bits || (prefix->addr[bytes] ^ address[bytes]) >> (8 - bits) == 0;
}

static bool matches(const struct traffic_rule *rule, const struct traffic_facts *facts)
{
	return (!rule->dscp || rule->dscp >> facts->dscp & 1) &&
	       (!rule->max_bytes || facts->packet_bytes <= rule->max_bytes) &&
	       has_protocol(rule, facts->protocol) && has_port(rule, facts) &&
	       contains(&rule->source, facts->source, facts->is_v6) &&
	       contains(&rule->destination, facts->destination, facts->is_v6);
}

const struct traffic_rule *traffic_rules_find(const struct traffic_rules *rules,
                                              const struct traffic_facts *facts)
{
	for (unsigned i = 0; i < rules->len; i++) {
		if (matches(&rules->rule[i], facts))
			return &rules->rule[i];
	}
	return NULL;
}
